//! Which proxies are believed about a client's address. A proxy that passes a request on adds to `X-Forwarded-For`
//! where it comes from. Any client can write such a field, so it is read only if the peer itself is a proxy that the
//! settings name.
//!
//! ```text
//!   198.51.100.7 ------> 10.0.0.2 ---------> 10.0.0.1 ----------> herd
//!   writes 1.2.3.4       adds 198.51.100.7   adds 10.0.0.2        peer 10.0.0.1: trusted, so the field is read
//!
//!   X-Forwarded-For: 1.2.3.4, 198.51.100.7, 10.0.0.2
//!                             ^ from the right, the first one that is no trusted proxy
//! ```

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Addresses with the same first bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    first: IpAddr,
    bits: u8,
}

/// The proxies that are believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Vec<Network>);

impl Proxies {
    /// The client of a request that `peer` has sent with these values of `X-Forwarded-For`, in the order sent: several
    /// fields are one list (RFC 9110, section 5.3). It is the last address of the list that is not a trusted proxy, or
    /// the first address if all are. It is `peer` if the list is empty, or if the last item that is not a trusted proxy
    /// is no address.
    pub fn client<'f>(&self, peer: IpAddr, fields: impl Iterator<Item = &'f [u8]>) -> IpAddr {
        if !self.trusts(peer) {
            return peer;
        }
        let items = fields.flat_map(|field| field.split(|&byte| byte == b',')).map(<[u8]>::trim_ascii);
        let mut client = None;
        // Empty items are ignored (RFC 9110, section 5.6.1).
        for item in items.filter(|item| !item.is_empty()) {
            let address: Option<IpAddr> = str::from_utf8(item).ok().and_then(|item| item.parse().ok());
            match address {
                Some(address) if self.trusts(address) => client = client.or(Some(Some(address))),
                // No trusted proxy vouches for anything before this item.
                address => client = Some(address),
            }
        }
        client.flatten().unwrap_or(peer)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address.to_canonical()))
    }
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        match (self.first, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let differ = first.to_bits() ^ address.to_bits();
                differ.leading_zeros() >= u32::from(self.bits)
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let differ = first.to_bits() ^ address.to_bits();
                differ.leading_zeros() >= u32::from(self.bits)
            }
            _ => false,
        }
    }
}

/// The error of a text that is neither `ADDRESS` nor `ADDRESS/BITS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoNetwork;

impl FromStr for Network {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Network, NoNetwork> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) if bits.bytes().all(|byte| byte.is_ascii_digit()) => {
                (address, Some(bits.parse::<u8>().map_err(|_| NoNetwork)?))
            }
            Some(_) => return Err(NoNetwork),
            None => (text, None),
        };
        let written: IpAddr = address.parse().map_err(|_| NoNetwork)?;
        let most = if written.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        if bits > most {
            return Err(NoNetwork);
        }
        Ok(match written.to_canonical() {
            // Peers are compared in their canonical form, so ::ffff:10.0.0.0/104 is written as 10.0.0.0/8 here.
            first if first != written && bits >= 96 => Network { first, bits: bits - 96 },
            _ => Network { first: written, bits },
        })
    }
}

impl FromStr for Proxies {
    type Err = NoNetwork;

    /// A list of networks with commas between them.
    fn from_str(text: &str) -> Result<Proxies, NoNetwork> {
        text.split(',').map(|network| network.trim().parse()).collect::<Result<_, _>>().map(Proxies)
    }
}

impl fmt::Display for Proxies {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Network { first, bits }) in self.0.iter().enumerate() {
            write!(out, "{}{first}/{bits}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}
