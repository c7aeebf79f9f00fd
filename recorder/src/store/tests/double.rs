//! As much of a store as is asked for here, in memory, and as unreliable as a test wants it.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

/// What goes wrong with a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// It is answered with 503.
    Unavailable,
    /// The connection ends before anything is done.
    Reset,
    /// All is done, and the connection ends before the answer.
    AnswerLost,
}

#[derive(Default)]
pub(super) struct Inside {
    /// By name: what is in it, and the headers that it came with.
    pub(super) objects: BTreeMap<String, (Vec<u8>, BTreeMap<String, String>)>,
    /// By id.
    pub(super) uploads: BTreeMap<String, Upload>,
    /// For the next requests.
    pub(super) faults: VecDeque<Fault>,
    /// Whether all requests fail.
    pub(super) is_away: bool,
    pub(super) parts_taken: usize,
    begun: usize,
}

#[derive(Default)]
pub(super) struct Upload {
    key: String,
    headers: BTreeMap<String, String>,
    parts: BTreeMap<u16, Vec<u8>>,
}

/// A store that listens.
pub(super) struct Double {
    pub(super) address: SocketAddr,
    inside: Arc<Mutex<Inside>>,
}

struct Asked {
    method: String,
    key: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Double {
    pub(super) fn start() -> Double {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let double = Double { address: listener.local_addr().unwrap(), inside: Arc::default() };
        let inside = Arc::clone(&double.inside);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let inside = Arc::clone(&inside);
                std::thread::spawn(move || serve(stream, &inside));
            }
        });
        double
    }

    pub(super) fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap()
    }
}

fn serve(stream: TcpStream, inside: &Mutex<Inside>) {
    let mut reader = BufReader::new(stream);
    while let Some(asked) = read(&mut reader) {
        let mut inside = inside.lock().unwrap();
        let fault = if inside.is_away { Some(Fault::Unavailable) } else { inside.faults.pop_front() };
        let (status, headers, body) = match fault {
            Some(Fault::Reset) => return,
            Some(Fault::Unavailable) => {
                (503, String::new(), "<Error><Code>SlowDown</Code></Error>".to_owned())
            }
            _ => inside.answer(asked),
        };
        drop(inside);
        if fault == Some(Fault::AnswerLost) {
            return;
        }
        let length = if headers.contains("content-length") {
            String::new()
        } else {
            format!("content-length: {}\r\n", body.len())
        };
        let answer = format!("HTTP/1.1 {status} Said\r\n{headers}{length}\r\n{body}");
        if reader.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?')?;
    let plain = |text: &str| text.replace("%2F", "/");
    let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), plain(value)));
    let key = path.trim_start_matches("/bucket").trim_start_matches('/').to_owned();
    Some(Asked { method, key, query: query.split('&').filter_map(pair).collect(), headers, body })
}

type Answer = (u16, String, String);

fn answer(status: u16, body: impl Into<String>) -> Answer {
    (status, String::new(), body.into())
}

impl Inside {
    fn answer(&mut self, asked: Asked) -> Answer {
        assert!(asked.query.contains_key("X-Amz-Signature"), "it is not signed");
        let upload = asked.query.get("uploadId").cloned();
        match (asked.method.as_str(), upload) {
            ("POST", None) => self.begin(asked),
            ("PUT", Some(id)) => self.part(&id, asked),
            ("POST", Some(id)) => self.finish(&id, &asked),
            ("DELETE", Some(id)) => match self.uploads.remove(&id) {
                Some(_) => answer(204, ""),
                None => unknown(),
            },
            ("PUT", None) => {
                self.objects.insert(asked.key, (asked.body, asked.headers));
                answer(200, "")
            }
            ("DELETE", None) => {
                self.objects.remove(&asked.key);
                answer(204, "")
            }
            ("HEAD", None) => match self.objects.get(&asked.key) {
                Some((content, _)) => (200, format!("content-length: {}\r\n", content.len()), String::new()),
                None => answer(404, ""),
            },
            ("GET", None) => answer(200, self.list(&asked.query["prefix"])),
            (method, _) => panic!("{method} {}", asked.key),
        }
    }

    fn begin(&mut self, asked: Asked) -> Answer {
        self.begun += 1;
        let id = format!("id-{}", self.begun);
        let upload = Upload { key: asked.key, headers: asked.headers, parts: BTreeMap::new() };
        self.uploads.insert(id.clone(), upload);
        answer(
            200,
            format!(
                "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
            ),
        )
    }

    fn part(&mut self, id: &str, asked: Asked) -> Answer {
        let Some(upload) = self.uploads.get_mut(id) else { return unknown() };
        let number: u16 = asked.query["partNumber"].parse().unwrap();
        upload.parts.insert(number, asked.body);
        self.parts_taken += 1;
        (200, format!("etag: \"part-{number}\"\r\n"), String::new())
    }

    /// As a real one: all parts but the last have a least size, and each is named rightly.
    fn finish(&mut self, id: &str, asked: &Asked) -> Answer {
        let Some(upload) = self.uploads.remove(id) else { return unknown() };
        let named = String::from_utf8(asked.body.clone()).unwrap();
        let count = named.matches("<PartNumber>").count();
        let numbers = 1..=count as u16;
        assert!(numbers.clone().all(|number| named.contains(&format!("part-{number}"))), "{named}");
        let parts: Vec<&Vec<u8>> = numbers.map(|number| &upload.parts[&number]).collect();
        assert!(parts[..count - 1].iter().all(|part| part.len() >= 5 << 20));
        let content = parts.into_iter().flatten().copied().collect();
        self.objects.insert(upload.key, (content, upload.headers));
        answer(200, "<CompleteMultipartUploadResult><ETag>\"all\"</ETag></CompleteMultipartUploadResult>")
    }

    fn list(&self, prefix: &str) -> String {
        let named = self.uploads.iter().filter(|(_, upload)| upload.key.starts_with(prefix));
        let each = named.map(|(id, Upload { key, .. })| {
            format!("<Upload><Key>{key}</Key><UploadId>{id}</UploadId></Upload>")
        });
        format!("<ListMultipartUploadsResult>{}</ListMultipartUploadsResult>", each.collect::<String>())
    }
}

fn unknown() -> Answer {
    answer(404, "<Error><Code>NoSuchUpload</Code></Error>")
}
