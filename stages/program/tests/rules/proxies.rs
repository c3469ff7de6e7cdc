//! `proxies`: whose `X-Forwarded-For` is believed, and which of its addresses is the client's.

use super::settings::{complaint, settings};
use program::proxies::Proxies;
use proptest::prelude::*;
use std::net::IpAddr;

fn proxies(list: &str) -> Proxies {
    list.parse().unwrap_or_else(|_| panic!("{list} should be a list of proxies"))
}

/// Where a request of this peer, with these fields, comes from.
fn client(trusted: &str, peer: &str, fields: &[&str]) -> String {
    let peer: IpAddr = peer.parse().expect("an address");
    proxies(trusted).client(peer, fields.iter().map(|field| field.as_bytes())).to_string()
}

const PROXIES: &str = "10.0.0.0/8, fd00::/8";

#[test]
fn the_client_is_the_last_address_that_is_no_trusted_proxy() {
    let cases: [(&[&str], &str); 12] = [
        (&["198.51.100.7"], "198.51.100.7"),
        (&["198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        (&["198.51.100.7,10.0.0.2 ,\t10.9.9.9"], "198.51.100.7"),
        // What the client itself has written.
        (&["1.2.3.4, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        (&["10.0.0.9, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        // Several fields are one list.
        (&["1.2.3.4", "198.51.100.7", "10.0.0.2"], "198.51.100.7"),
        (&["198.51.100.7", "10.0.0.2, 10.0.0.3"], "198.51.100.7"),
        (&["2001:db8::7, fd00::2"], "2001:db8::7"),
        // The proxies' own requests, such as health checks.
        (&["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
        (&[], "10.0.0.1"),
        (&[""], "10.0.0.1"),
        // Empty items are none.
        (&[", 198.51.100.7,, ", ","], "198.51.100.7"),
    ];
    for (fields, expected) in cases {
        assert_eq!(client(PROXIES, "10.0.0.1", fields), expected, "{fields:?}");
    }
}

#[test]
fn a_client_that_is_no_trusted_proxy_is_not_believed() {
    for peer in ["192.0.2.7", "11.0.0.0", "9.255.255.255", "2001:db8::1", "::1", "::a00:1"] {
        assert_eq!(client(PROXIES, peer, &["198.51.100.7"]), peer);
    }
    assert_eq!(
        Proxies::default().client(IpAddr::from([10, 0, 0, 1]), std::iter::once(&b"1.2.3.4"[..])),
        IpAddr::from([10, 0, 0, 1])
    );
}

#[test]
fn what_is_no_address_leaves_the_peer() {
    let long = "1".repeat(1 << 20);
    let junk = [
        "unknown",
        "_hidden",
        "198.51.100.7:4711",
        "[2001:db8::7]",
        "[2001:db8::7]:4711",
        "\"198.51.100.7\"",
        "fe80::1%eth0",
        "198.51.100.07",
        "198.51.100",
        "for=198.51.100.7",
        "\u{e9}",
        &long,
    ];
    for junk in junk {
        assert_eq!(client(PROXIES, "10.0.0.1", &[junk]), "10.0.0.1", "{junk:.80}");
        // Before it is found: a proxy that is trusted has passed on something that nobody understands.
        assert_eq!(client(PROXIES, "10.0.0.1", &[&format!("1.2.3.4, {junk}, 10.0.0.2")]), "10.0.0.1");
        // Behind it, only the client's own words.
        assert_eq!(client(PROXIES, "10.0.0.1", &[&format!("{junk}, 198.51.100.7")]), "198.51.100.7");
    }
}

#[test]
fn a_network_is_its_first_bits() {
    let cases = [
        ("10.0.0.1", "10.0.0.1", "10.0.0.0"),
        ("10.0.0.0/9", "10.127.255.255", "10.128.0.0"),
        ("10.1.2.3/8", "10.255.0.1", "11.1.2.3"),
        ("192.0.2.128/25", "192.0.2.255", "192.0.2.127"),
        ("0.0.0.0/0", "255.255.255.255", "::1"),
        ("::/0", "ffff::", "1.2.3.4"),
        ("2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"),
        ("fd00::1", "fd00::1", "fd00::2"),
        // IPv4 as a socket for IPv6 sees it, on either side.
        ("10.0.0.0/8", "::ffff:10.0.0.1", "::ffff:11.0.0.1"),
        ("::ffff:10.0.0.0/104", "10.255.0.1", "11.0.0.1"),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.1", "10.0.0.2"),
    ];
    for (network, within, outside) in cases {
        assert_eq!(client(network, within, &["198.51.100.7"]), "198.51.100.7", "{within} is in {network}");
        assert_eq!(client(network, outside, &["198.51.100.7"]), outside, "{outside} is not in {network}");
    }
}

#[test]
fn a_network_is_an_address_and_perhaps_a_number_of_bits() {
    for bad in [
        "",
        ",",
        "10.0.0.1,",
        "10",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/+8",
        "10.0.0.0/8/8",
        "::/129",
        "::/256",
        "proxy.example",
        "10.0.0.0 /8",
        "[::1]",
        "10.0.0.1 10.0.0.2",
    ] {
        assert!(bad.parse::<Proxies>().is_err(), "{bad:?} should be refused");
    }
}

#[test]
fn the_flag_may_be_repeated_and_replaces_what_weaker_sources_say() {
    let environment = [("HERD_TRUSTED_PROXY", "192.0.2.1, 192.0.2.2")];
    let of = |arguments: &[&str]| settings(arguments, &environment).trusted_proxies;
    assert_eq!(of(&[]), proxies("192.0.2.1,192.0.2.2"));
    assert_eq!(of(&["--trusted-proxy", "10.0.0.1"]), proxies("10.0.0.1"));
    let twice = ["--trusted-proxy", "10.0.0.1", "--trusted-proxy=10.0.0.2,::1"];
    assert_eq!(of(&twice), proxies("10.0.0.1,10.0.0.2,::1"));
    let one_bad = ["--trusted-proxy", "10.0.0.1", "--trusted-proxy", "x"];
    let sentence = complaint(&one_bad, &[]);
    assert!(sentence.starts_with("--trusted-proxy: \"10.0.0.1,x\" is not"), "{sentence}");
}

proptest! {
    #![proptest_config(super::properties())]

    #[test]
    fn whatever_is_in_the_field_the_answer_is_the_peer_or_an_address_from_it(
        fields in prop::collection::vec("([0-9a-f:., ]|10\\.0\\.0\\.1|198\\.51\\.100\\.7|\\PC){0,12}", 0..4)
    ) {
        let peer = IpAddr::from([10, 0, 0, 1]);
        let fields: Vec<&[u8]> = fields.iter().map(String::as_bytes).collect();
        let client = proxies(PROXIES).client(peer, fields.iter().copied());
        let text = String::from_utf8_lossy(&fields.join(&b","[..])).into_owned();
        let written = text.split(',').any(|item| item.trim().parse() == Ok(client));
        prop_assert!(client == peer || written, "{} from {:?}", client, text);
    }
}
