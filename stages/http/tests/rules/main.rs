//! The rules of HTTP, without a network: tables for what the RFCs lay down, properties for
//! what must hold whatever the client sends.
//!
//! `tests/e2e` asks the same server over a socket. What can be asked here is asked here, because a wrong answer
//! then names the rule and not the connection.

use parts::request::{RequestHead, parse_head};
use proptest::test_runner::Config;

mod body;
mod coding;
mod conditional;
mod date;
mod framing;
mod range;
mod response;
mod validators;

/// A failing property prints its smallest input, and leaves no file beside the tests.
fn properties() -> Config {
    Config { failure_persistence: None, ..Config::default() }
}

/// The head of a request for `/` with these further lines, each without its line end.
fn head_text(method: &str, version: &str, lines: &[&str]) -> String {
    let mut text = format!("{method} / {version}\r\n");
    for line in lines {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    text
}

/// Parses a head that the test itself has spelled.
fn head(text: &str) -> RequestHead<'_> {
    parse_head(text.as_bytes()).expect("the test's head is a good one").expect("the test's head is complete")
}
