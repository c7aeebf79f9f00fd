//! Where the media of a real server is reached: over UDP and TCP, at its own port and those of HTTP and
//! HTTPS, over both families.

use rustix::process::{Pid, Signal, kill_process};
use std::cell::Cell;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use volley::wire::stun::{Class, StunView, StunWriter};

/// On a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(20);
/// What is not answered by then is asked again, as browsers do.
const AGAIN: Duration = Duration::from_millis(500);
/// RFC 8489 §14.3.
const USERNAME: u16 = 0x0006;
const OFFER: &str = include_str!("../../signaling/tests/sdp/chromium-example-client.sdp");

#[test]
fn a_call_is_reached_over_udp_and_over_tcp_at_every_port_whatever_worker_it_is_on() {
    for io in ["auto", "epoll"] {
        let arguments = ["--host", "127.0.0.1", "--dev", "--tls-port", "0", "--io", io, "--workers", "2"];
        let volley = Volley::start(&arguments);
        let calls = ["one", "other"].map(|room| volley.call_in(room));
        let worker = |call: &Call| call.value("ice-ufrag")[..3].to_owned();
        assert_ne!(worker(&calls[0]), worker(&calls[1]), "rooms are spread");
        for call in &calls {
            let [udp, tcp] = call.here(IpAddr::from([127, 0, 0, 1]));
            assert_eq!((udp.len(), tcp.len()), (1, 3), "{}", call.answer);
            call.check_over_udp(udp[0]);
            for address in tcp {
                let mut connection = call.connect(address);
                call.check(&mut connection);
                call.check(&mut connection);
            }
        }
        assert_eq!(volley.get("/health"), 200, "HTTP goes on beside");
    }
}

#[test]
fn over_tcp_media_has_the_number_that_it_has_over_udp_and_those_of_http() {
    let volley = Volley::start(&["--host", "127.0.0.1"]);
    let call = volley.call();
    let [udp, tcp] = call.here(IpAddr::from([127, 0, 0, 1]));
    assert_eq!(tcp, [udp[0], volley.address]);
}

#[test]
fn over_ipv6_everything_is_the_same() {
    let volley = Volley::start(&["--host", "::1"]);
    assert!(volley.address.is_ipv6());
    let call = volley.call();
    let [udp, tcp] = call.here(volley.address.ip());
    assert_eq!((udp.len(), tcp.len()), (1, 2), "{}", call.answer);
    call.check_over_udp(udp[0]);
    tcp.into_iter().for_each(|address| call.check(&mut call.connect(address)));
}

#[test]
fn all_addresses_of_ipv6_are_those_of_ipv4_too() {
    let volley = Volley::start(&["--host", "::"]);
    for host in ["127.0.0.1", "::1"] {
        let at = SocketAddr::new(host.parse().unwrap(), volley.address.port());
        let call = Volley { address: at, process: None }.call();
        // The address under which the publisher came is one of the answer's.
        call.check(&mut call.connect(at));
        let udp = SocketAddr::new(at.ip(), call.candidates("udp")[0].port());
        call.check_over_udp(udp);
    }
}

#[test]
fn announced_addresses_of_both_families_stand_in_answers_in_their_order() {
    let announced = "192.0.2.9,2001:db8::9";
    let volley = Volley::start(&["--host", "0.0.0.0", "--announce", announced]);
    let call = volley.call();
    let told = |protocol: &str| {
        let addresses = call.candidates(protocol).into_iter().map(|address| address.ip().to_string());
        let mut addresses: Vec<String> = addresses.collect();
        addresses.dedup();
        addresses
    };
    assert_eq!(told("udp"), ["192.0.2.9", "2001:db8::9"]);
    // And the address under which the publisher came, for where ports are forwarded.
    assert_eq!(told("tcp"), ["192.0.2.9", "2001:db8::9", "127.0.0.1"]);
}

#[test]
fn a_connection_outlives_signaling() {
    let volley = Volley::start(&["--host", "127.0.0.1"]);
    let call = volley.call();
    let mut connection = call.connect(volley.address);
    call.check(&mut connection);
    kill_process(volley.child("signaling"), Signal::KILL).unwrap();
    call.check(&mut connection);
    // It waits with the port, which is not signaling's, until there is one again.
    call.check(&mut call.connect(volley.address));
}

#[test]
fn a_connection_that_is_of_no_call_is_closed() {
    let volley = Volley::start(&["--host", "127.0.0.1"]);
    let call = volley.call();
    let answer = call.answer.replace(call.value("ice-ufrag"), "AAAAAAAA");
    let stranger = Call { answer, last_number: Cell::new(0) };
    let mut asked = stranger.connect(volley.address);
    stranger.send(&mut asked, 1);
    let mut nonsense = call.connect(volley.address);
    nonsense.write_all(&[0, 30]).unwrap();
    nonsense.write_all(&[7; 30]).unwrap();
    for mut connection in [asked, nonsense] {
        assert_eq!(connection.read(&mut [0; 16]).expect("it is closed in time"), 0);
    }
    assert_eq!(volley.get("/health"), 200);
}

#[test]
fn media_comes_over_tcp_only_where_it_is_wanted() {
    let volley = Volley::start(&["--host", "127.0.0.1", "--ice-tcp=false"]);
    let call = volley.call();
    assert_eq!(call.candidates("tcp"), []);
    let mut connection = call.connect(volley.address);
    call.send(&mut connection, 1);
    let mut answer = Vec::new();
    // Whether it is closed in order or not is HTTP's affair.
    let _ = connection.read_to_end(&mut answer);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"), "{answer:?}");
    let media = SocketAddr::new(volley.address.ip(), call.candidates("udp")[0].port());
    assert!(TcpStream::connect(media).is_err());
}

/// A running server; killed when it goes out of scope.
struct Volley {
    process: Option<Child>,
    address: SocketAddr,
}

impl Volley {
    fn start(arguments: &[&str]) -> Volley {
        let usual = ["--port", "0", "--udp-port", "0", "--metrics-port", "off"];
        let one = if arguments.contains(&"--workers") { vec![] } else { vec!["--workers", "1"] };
        let mut process = Command::new(env!("CARGO_BIN_EXE_volley"))
            .args(usual)
            .args(one)
            .args(arguments)
            .env_remove("LOG_LEVEL")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.strip_prefix("Volley is ready: http://").and_then(|rest| rest.strip_suffix("/\n"));
        let address = address.unwrap_or_else(|| panic!("unexpected first line {line:?}"));
        let address = address.replace("localhost", "127.0.0.1").parse().unwrap();
        Volley { process: Some(process), address }
    }

    /// A publisher with nothing but the server's URL.
    fn call(&self) -> Call {
        self.call_in("room")
    }

    fn call_in(&self, room: &str) -> Call {
        let (status, answer) = self.ask(&format!("POST /whip/{room}"), "application/sdp", OFFER);
        assert_eq!(status, 201, "{answer}");
        Call { answer, last_number: Cell::new(0) }
    }

    fn get(&self, path: &str) -> u16 {
        self.ask(&format!("GET {path}"), "text/plain", "").0
    }

    fn ask(&self, request: &str, kind: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (address, length) = (self.address, body.len());
        let head = format!(
            "{request} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: {kind}\r\n\
             content-length: {length}\r\n\r\n"
        );
        stream.write_all((head + body).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head ends");
        (head[9..12].parse().unwrap(), body.to_owned())
    }

    fn child(&self, role: &str) -> Pid {
        let parent = self.process.as_ref().expect("it was started here").id();
        let listed = std::fs::read_dir("/proc").unwrap();
        let numbers = listed.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
        let read = |number: i32, file: &str| {
            std::fs::read_to_string(format!("/proc/{number}/{file}")).unwrap_or_default()
        };
        let is_it = |&number: &i32| {
            let stat = read(number, "stat");
            let after_name = stat.rsplit(") ").next().unwrap_or_default();
            after_name.split(' ').nth(1) == Some(&parent.to_string())
                && read(number, "cmdline").split('\0').nth(1) == Some(role)
        };
        numbers.filter(is_it).find_map(Pid::from_raw).expect("the child is there")
    }
}

impl Drop for Volley {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// What a publisher was answered.
struct Call {
    answer: String,
    last_number: Cell<u8>,
}

impl Call {
    fn value(&self, attribute: &str) -> &str {
        let start = format!("a={attribute}:");
        self.answer.lines().find_map(|line| line.strip_prefix(&start)).expect("it stands in the answer")
    }

    fn candidates(&self, protocol: &str) -> Vec<SocketAddr> {
        let lines = self.answer.lines().filter_map(|line| line.strip_prefix("a=candidate:"));
        let words =
            lines.map(|line| line.split(' ').collect::<Vec<_>>()).filter(|words| words[2] == protocol);
        words.map(|words| SocketAddr::new(words[4].parse().unwrap(), words[5].parse().unwrap())).collect()
    }

    /// Those at one address: over UDP, over TCP.
    fn here(&self, address: IpAddr) -> [Vec<SocketAddr>; 2] {
        let at = |protocol| self.candidates(protocol).into_iter().filter(|one| one.ip() == address).collect();
        ["udp", "tcp"].map(at)
    }

    fn check_bytes(&self, number: u8) -> Vec<u8> {
        let theirs = OFFER.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).unwrap();
        let username = format!("{}:{theirs}", self.value("ice-ufrag"));
        let mut buffer = [0; 512];
        let check = StunWriter::new(&mut buffer, Class::Request, &[number; 12]);
        let check = check.attribute(USERNAME, username.as_bytes());
        let len = check.integrity(self.value("ice-pwd").as_bytes()).fingerprint().expect("it fits");
        buffer[..len].to_vec()
    }

    fn is_answer(&self, answer: &[u8], number: u8) -> bool {
        let answer = StunView::parse(answer).expect("a STUN message");
        assert_eq!(answer.class(), Class::Success);
        assert!(answer.is_authentic(self.value("ice-pwd").as_bytes()));
        answer.transaction_id() == [number; 12]
    }

    /// A number that no check of this call had: one that is seen again from elsewhere is not answered.
    fn next_number(&self) -> u8 {
        self.last_number.set(self.last_number.get() + 1);
        self.last_number.get()
    }

    fn check_over_udp(&self, address: SocketAddr) {
        let any: IpAddr = if address.is_ipv6() { [0u16; 8].into() } else { [0; 4].into() };
        let socket = UdpSocket::bind((any, 0)).unwrap();
        socket.set_read_timeout(Some(AGAIN)).unwrap();
        let (since, number) = (Instant::now(), self.next_number());
        let mut answer = [0; 512];
        loop {
            assert!(since.elapsed() < PATIENCE, "{address} does not answer");
            socket.send_to(&self.check_bytes(number), address).unwrap();
            let Ok((len, from)) = socket.recv_from(&mut answer) else { continue };
            assert_eq!(from, address);
            return assert!(self.is_answer(&answer[..len], number));
        }
    }

    fn connect(&self, address: SocketAddr) -> TcpStream {
        let connection = TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}"));
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        connection
    }

    fn send(&self, connection: &mut TcpStream, number: u8) {
        let check = self.check_bytes(number);
        connection.write_all(&(check.len() as u16).to_be_bytes()).unwrap();
        connection.write_all(&check).unwrap();
    }

    /// Asks until it is answered over a connection: the first check may be there before its call is.
    fn check(&self, connection: &mut TcpStream) {
        let (since, number) = (Instant::now(), self.next_number());
        loop {
            assert!(since.elapsed() < PATIENCE, "nobody answers");
            self.send(connection, number);
            connection.set_read_timeout(Some(AGAIN)).unwrap();
            let is_there = connection.peek(&mut [0]).is_ok();
            connection.set_read_timeout(Some(PATIENCE)).unwrap();
            if is_there && self.is_answer(&read_frame(connection), number) {
                return;
            }
        }
    }
}

fn read_frame(connection: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 2];
    connection.read_exact(&mut length).expect("it is not closed");
    let mut datagram = vec![0; usize::from(u16::from_be_bytes(length))];
    connection.read_exact(&mut datagram).unwrap();
    datagram
}
