//! Where a request comes from: the peer's address, or what a trusted proxy says of its own peer.
//!
//! Anybody can write `X-Forwarded-For`. It is believed from the right, hop by hop, only as far as the proxies are ours.

use std::net::IpAddr;
use std::str::FromStr;

use http::header::{self, HeaderMap, HeaderValue};
use moothall::Origin;
use moothall_protocol::limits::AGENT_LENGTH_MAX;

/// Addresses that begin alike, such as `10.0.0.0/8`; without a length, one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

/// A text that is no address and no prefix.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no address and no prefix such as 10.0.0.0/8")]
pub struct NotAPrefix(String);

impl FromStr for Prefix {
    type Err = NotAPrefix;

    fn from_str(text: &str) -> Result<Self, NotAPrefix> {
        let wrong = || NotAPrefix(text.to_owned());
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length.parse::<u8>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let length = length.unwrap_or(bits);
        if length <= bits { Ok(Self { address, length }) } else { Err(wrong()) }
    }
}

impl Prefix {
    fn contains(&self, address: IpAddr) -> bool {
        let bits = |address| match address {
            IpAddr::V4(v4) => u128::from(u32::from(v4)) << 96,
            IpAddr::V6(v6) => u128::from(v6),
        };
        let differ = bits(self.address) ^ bits(address.to_canonical());
        self.address.is_ipv4() == address.to_canonical().is_ipv4()
            && differ.leading_zeros() >= u32::from(self.length)
    }
}

/// The proxies whose word is believed.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Vec<Prefix>);

impl Proxies {
    /// Believes these addresses and prefixes.
    pub fn new(trusted: &[String]) -> Result<Self, NotAPrefix> {
        trusted.iter().map(|text| text.parse()).collect::<Result<_, _>>().map(Self)
    }

    /// Whether this is one of them.
    pub(crate) fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|prefix| prefix.contains(address))
    }

    /// Where a request with these headers comes from.
    pub(crate) fn origin<'a>(&self, peer: IpAddr, headers: &'a HeaderMap) -> Origin {
        let text = |value: Option<&'a HeaderValue>| value.and_then(|value| value.to_str().ok());
        Origin {
            address: Some(self.client(peer, headers)),
            agent: text(headers.get(header::USER_AGENT))
                .map(|agent| agent.chars().take(AGENT_LENGTH_MAX).collect()),
            idempotency_key: text(headers.get("idempotency-key")).map(str::to_owned),
        }
    }

    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trust(peer) {
            return peer;
        }
        let by_list = self.furthest(peer, hops(headers, "x-forwarded-for", |hop| Some(hop)));
        let by_standard = self.furthest(peer, hops(headers, "forwarded", of_standard));
        match (by_list, by_standard) {
            (Some(client), None) | (None, Some(client)) => client,
            // A proxy that writes one lets the other pass as the client wrote it, and there is no telling which.
            (Some(one), Some(other)) if one == other => one,
            _ => peer,
        }
    }

    /// The first address from the right that is not one of ours; `None` without any address.
    fn furthest(&self, peer: IpAddr, hops: Vec<Option<IpAddr>>) -> Option<IpAddr> {
        let mut nearest = (!hops.is_empty()).then_some(peer)?;
        for hop in hops.into_iter().rev() {
            // What a trusted proxy could not name is not guessed at.
            let Some(address) = hop else { break };
            nearest = address;
            if !self.trust(address) {
                break;
            }
        }
        Some(nearest)
    }
}

/// The hops a header lists, the nearest last; `None` for one that names no address.
fn hops(headers: &HeaderMap, name: &str, address: fn(&str) -> Option<&str>) -> Vec<Option<IpAddr>> {
    let values = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default());
    values.flat_map(|value| value.split(',')).map(|hop| address(hop.trim()).and_then(parse)).collect()
}

/// The `for=` of one element of `Forwarded` (RFC 7239).
fn of_standard(element: &str) -> Option<&str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for").then(|| value.trim_matches('"'))
    })
}

/// An address with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn parse(text: &str) -> Option<IpAddr> {
    let address: Option<IpAddr> = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0.parse().ok(),
        None => text.parse().ok().or_else(|| text.rsplit_once(':')?.0.parse().ok()),
    };
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(trusted: &[&str], peer: &str, headers: &[(&'static str, &str)]) -> String {
        let trusted: Vec<String> = trusted.iter().map(ToString::to_string).collect();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let origin = Proxies::new(&trusted).unwrap().origin(peer.parse().unwrap(), &map);
        origin.address.unwrap().to_string()
    }

    #[test]
    fn nobody_but_a_trusted_proxy_says_where_a_request_comes_from() {
        let spoof = [("x-forwarded-for", "198.51.100.7")];
        assert_eq!(seen(&[], "203.0.113.9", &spoof), "203.0.113.9");
        assert_eq!(seen(&["10.0.0.0/8"], "203.0.113.9", &spoof), "203.0.113.9");
        assert_eq!(seen(&["10.0.0.0/8"], "10.1.2.3", &spoof), "198.51.100.7");
        assert_eq!(seen(&["10.0.0.0/8"], "::ffff:10.1.2.3", &spoof), "198.51.100.7");
        assert_eq!(seen(&["10.0.0.0/8"], "10.1.2.3", &[]), "10.1.2.3");
    }

    #[test]
    fn what_the_client_itself_wrote_is_not_believed() {
        let list = [("x-forwarded-for", "1.1.1.1, 198.51.100.7"), ("x-forwarded-for", "10.0.0.2")];
        assert_eq!(seen(&["10.0.0.0/8"], "10.0.0.1", &list), "198.51.100.7");
        let both = [("x-forwarded-for", "198.51.100.7"), ("forwarded", "for=1.1.1.1")];
        assert_eq!(seen(&["10.0.0.1"], "10.0.0.1", &both), "10.0.0.1");
        assert_eq!(seen(&["10.0.0.1"], "10.0.0.1", &[("x-forwarded-for", "1.1.1.1, unknown")]), "10.0.0.1");
    }

    #[test]
    fn the_standard_header_is_read_with_ports_and_brackets() {
        let forwarded = [("forwarded", "for=1.1.1.1, proto=https;For=\"[2001:db8::7]:4711\"")];
        assert_eq!(seen(&["::1"], "::1", &forwarded), "2001:db8::7");
        assert_eq!(seen(&["::1"], "::1", &[("x-forwarded-for", "192.0.2.1:80")]), "192.0.2.1");
    }

    #[test]
    fn a_prefix_is_checked_when_it_is_set() {
        assert!("10.0.0.0/33".parse::<Prefix>().is_err());
        assert!("proxy".parse::<Prefix>().is_err());
        assert!("0.0.0.0/0".parse::<Prefix>().unwrap().contains("8.8.8.8".parse().unwrap()));
        assert!(!"0.0.0.0/0".parse::<Prefix>().unwrap().contains("2001:db8::1".parse().unwrap()));
    }
}
