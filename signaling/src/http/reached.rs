//! The address under which somebody reached us, as their own request tells it.
//!
//! Behind a forwarded port (`docker run -p`) it is the only one that is known to work for them, and only
//! over TCP. It stands in their own answers and nowhere else.

use axum::http::{HeaderMap, header};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What `Host` says, when it is an address or this machine; a browser is told no names, since not every
/// one looks them up. Without a port the page's own origin tells which is meant.
pub(crate) fn reached(headers: &HeaderMap) -> Option<SocketAddr> {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST)?;
    let usual = || {
        let (scheme, rest) = text(header::ORIGIN)?.split_once("://")?;
        match scheme {
            "https" if rest == host => Some(443),
            "http" if rest == host => Some(80),
            _ => None,
        }
    };
    let address = match address_of(host) {
        Some(address) => SocketAddr::new(address, usual()?),
        None => {
            let (name, port) = host.rsplit_once(':')?;
            SocketAddr::new(address_of(name)?, port.parse().ok()?)
        }
    };
    (address.port() != 0 && !address.ip().is_unspecified()).then_some(address)
}

fn address_of(host: &str) -> Option<IpAddr> {
    if host.eq_ignore_ascii_case("localhost") {
        return Some(Ipv4Addr::LOCALHOST.into());
    }
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse().ok().map(IpAddr::V6),
        None => host.parse().ok().map(IpAddr::V4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(host: &str, origin: Option<&str>) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        reached(&headers).map(|address| address.to_string())
    }

    #[test]
    fn the_address_is_the_one_in_the_pages_own_address() {
        let said = |host| told(host, None).unwrap_or_default();
        assert_eq!(said("192.0.2.1:8443"), "192.0.2.1:8443");
        assert_eq!(said("localhost:8080"), "127.0.0.1:8080");
        assert_eq!(said("[2001:db8::1]:8080"), "[2001:db8::1]:8080");
    }

    #[test]
    fn without_a_port_it_is_the_one_of_the_pages_scheme() {
        assert_eq!(told("192.0.2.1", Some("https://192.0.2.1")).unwrap(), "192.0.2.1:443");
        assert_eq!(told("[2001:db8::1]", Some("http://[2001:db8::1]")).unwrap(), "[2001:db8::1]:80");
        assert_eq!(told("192.0.2.1", Some("https://app.example")), None);
        assert_eq!(told("192.0.2.1", None), None);
    }

    #[test]
    fn a_name_or_nonsense_is_no_address() {
        for host in
            ["meet.example:8080", "", ":", "a:b:c", "[::]:80", "0.0.0.0:80", "192.0.2.1:0", "[1.2.3.4]:5"]
        {
            assert_eq!(told(host, None), None, "{host}");
        }
    }
}
