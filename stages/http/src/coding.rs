//! Which content coding a client gets, if there is a choice (RFC 9110, section 12.5.3).

use parts::request::RequestHead;

/// A compression that a file may be stored in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Brotli (RFC 7932).
    Brotli,
    /// gzip (RFC 1952).
    Gzip,
}

impl Coding {
    /// All of them, the one that compresses best first.
    pub const ALL: [Coding; 2] = [Coding::Brotli, Coding::Gzip];

    /// The name in `Accept-Encoding` and `Content-Encoding`.
    pub fn name(self) -> &'static str {
        match self {
            Coding::Brotli => "br",
            Coding::Gzip => "gzip",
        }
    }

    /// The file name extension of this coding.
    pub fn ending(self) -> &'static str {
        match self {
            Coding::Brotli => ".br",
            Coding::Gzip => ".gz",
        }
    }
}

/// The `available` coding that the client prefers; `None`: send the file as it is.
///
/// Even a client that refuses `identity` gets it if nothing else is available: it may be able to use it, but not a 406
/// (section 12.4.1 allows both).
pub fn preferred(head: &RequestHead<'_>, available: impl Iterator<Item = Coding>) -> Option<Coding> {
    let mut best = (weight(head, "identity").unwrap_or(0), None);
    for coding in available {
        let weight = weight(head, coding.name()).unwrap_or(0);
        // Uncoded, the file is longer, so it is chosen only if its weight is higher.
        if weight > best.0 || (best.1.is_none() && weight == best.0 && weight > 0) {
            best = (weight, Some(coding));
        }
    }
    best.1
}

/// The client's weight of a coding, in thousandths; `None` if it gives none. `*` stands for all that are not named.
fn weight(head: &RequestHead<'_>, name: &str) -> Option<u16> {
    let mut by_star = None;
    let lists = head.headers.all("accept-encoding").filter_map(|value| std::str::from_utf8(value).ok());
    for item in lists.flat_map(|list| list.split(',')) {
        let (coding, parameters) = item.split_once(';').unwrap_or((item, ""));
        let coding = coding.trim();
        // `x-gzip` is an old name of gzip (section 8.4.1.3).
        let named = coding.strip_prefix("x-").filter(|&rest| rest == "gzip").unwrap_or(coding);
        if named.eq_ignore_ascii_case(name) {
            return Some(quality(parameters));
        }
        if coding == "*" {
            by_star = Some(quality(parameters));
        }
    }
    by_star
}

/// The value of `q=` in thousandths: 1 if it is not there, and 0 if it breaks the grammar of section 12.4.2.
fn quality(parameters: &str) -> u16 {
    let parameters = parameters.trim();
    if parameters.is_empty() {
        return 1000;
    }
    let Some(("q" | "Q", value)) = parameters.split_once('=') else { return 0 };
    let (whole, rest) = value.split_once('.').unwrap_or((value, ""));
    if rest.len() > 3 || !rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    match (whole, format!("{rest:0<3}").parse()) {
        ("0", Ok(thousandths)) => thousandths,
        ("1", Ok(0)) => 1000,
        _ => 0,
    }
}
