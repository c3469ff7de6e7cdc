//! `parse_head`: which bytes are a request head, and what they mean.

use proptest::prelude::*;
use request::{HeadError, MAX_HEAD, RequestHead, Version, parse_head};
use verdict::test;

/// Where a student finds the rules.
const SEE: &str = "See \"1.1 Reading a head\", and RFC 9112, sections 2 to 5.";

/// Where a student finds the rules for the tests of task 1.2.
const SEE_LIMITS: &str = "See \"1.2 Limits\", and RFC 9112, sections 2 to 5.";

/// The result of `parse_head` for some bytes, in a word or two.
pub fn verdict(bytes: &[u8]) -> &'static str {
    match parse_head(bytes) {
        Ok(Some(_)) => "complete",
        Ok(None) => "incomplete",
        Err(HeadError::Malformed(_)) => "malformed",
        Err(HeadError::TargetTooLong) => "target too long",
        Err(HeadError::FieldsTooLarge) => "fields too large",
        Err(HeadError::VersionNotSupported) => "version not supported",
    }
}

/// Bytes for a failure message: readable, and short even for a head at the limit.
pub fn shown(bytes: &[u8]) -> String {
    let text = bytes.escape_ascii().to_string();
    if text.len() <= 120 { text } else { format!("{}[...]{}", &text[..50], &text[text.len() - 50..]) }
}

#[track_caller]
fn expect_verdicts(expected: &str, heads: &[&[u8]]) {
    expect_verdicts_by(SEE, expected, heads);
}

#[track_caller]
fn expect_verdicts_by(see: &str, expected: &str, heads: &[&[u8]]) {
    for head in heads {
        let found = verdict::caught(|| verdict(head)).map_or_else(|panic| panic, str::to_owned);
        assert_eq!(found, expected, "\nparse_head of \"{}\" should say \"{expected}\". {see}", shown(head));
    }
}

/// What `parse_head` finds in a head that is complete.
#[track_caller]
fn complete(bytes: &[u8]) -> RequestHead<'_> {
    expect_verdicts("complete", &[bytes]);
    parse_head(bytes).expect("it is good").expect("it is complete")
}

#[test]
fn a_head_is_taken_apart_into_method_target_version_and_fields() {
    let bytes = b"GET /a/b?c=d HTTP/1.1\r\nHost: example.org\r\nAccept:*/*\r\nX-Empty:\r\n\r\nnot the head";
    let head = complete(bytes);
    assert_eq!(
        (head.method, head.target, head.version),
        ("GET", "/a/b?c=d", Version::Http11),
        "(method, target, version) of the request line; the target is as sent, with its query. {SEE}"
    );
    let fields: Vec<_> = head.headers.iter().map(|field| (field.name, field.value)).collect();
    let sent: Vec<(&str, &[u8])> = vec![("Host", b"example.org"), ("Accept", b"*/*"), ("X-Empty", b"")];
    assert_eq!(fields, sent, "iter() gives names and values in the order sent. {SEE}");
    let tail = &bytes[head.length..];
    assert_eq!(tail, b"not the head", "length is where the head ends and the body begins. {SEE}");
}

#[test]
fn one_empty_line_before_the_request_line_is_skipped_and_counted() {
    let bytes = b"\r\nGET / HTTP/1.1\r\n\r\n";
    let head = complete(bytes);
    assert_eq!(head.method, "GET", "the method is the first word after the empty line. {SEE}");
    assert_eq!(
        head.length,
        bytes.len(),
        "length includes what was skipped, or it would be left in the buffer"
    );
    expect_verdicts("malformed", &[b"\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n"]);
}

#[test]
fn fields_are_found_by_name_without_regard_to_case() {
    let bytes = b"GET / HTTP/1.1\r\naccept: a\r\nACCEPT: b\r\nx: 1\r\nAccept: c\r\nbin: \xff\r\n\r\n";
    let head = complete(bytes);
    let all: Vec<&[u8]> = head.headers.all("aCCept").collect();
    assert_eq!(
        all,
        [b"a".as_slice(), b"b", b"c"],
        "all() gives every field of the name, in the order sent. {SEE}"
    );
    assert_eq!(head.headers.get("ACCEPT"), Some("a"), "get() gives the first field of the name. {SEE}");
    assert_eq!(head.headers.get("absent"), None, "get() of a field that was not sent. {SEE}");
    assert_eq!(head.headers.get("bin"), None, "get() gives text only; 0xff is not UTF-8");
    assert_eq!(
        head.headers.all("bin").next(),
        Some(b"\xff".as_slice()),
        "all() gives the bytes, whatever they are"
    );
}

#[test]
fn white_space_around_a_value_is_not_part_of_it() {
    let bytes = b"GET / HTTP/1.1\r\na:1\r\na: \t 2\r\na: 3 \t \r\na: 4 \t 5\r\na:  \r\n\r\n";
    let head = complete(bytes);
    let values: Vec<&[u8]> = head.headers.all("a").collect();
    assert_eq!(values, [b"1".as_slice(), b"2", b"3", b"4 \t 5", b""], "RFC 9112, section 5.1. {SEE}");
}

#[test]
fn versions_1_x_are_served_and_other_majors_refused() {
    for minor in 0..=9 {
        let version = format!("1.{minor}");
        let expected = if minor == 0 { Version::Http10 } else { Version::Http11 };
        let bytes = format!("GET / HTTP/{version}\r\n\r\n");
        let head = complete(bytes.as_bytes());
        assert_eq!(head.version, expected, "HTTP/{version}; RFC 9110, section 2.5. {SEE}");
    }
    let other_majors: [&[u8]; 3] =
        [b"GET / HTTP/0.9\r\n\r\n", b"GET / HTTP/2.0\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"];
    expect_verdicts("version not supported", &other_majors);
    for broken in [
        "http/1.1",
        "HTTP/1",
        "HTTP/1.",
        "HTTP/1.a",
        "HTTP/a.1",
        "HTTP/1.10",
        "HTTP/1.1.1",
        "HTTP/1.1.",
        "HTTP/1.1/1",
        "HTTP/x/1.1",
        "HTTP/1x1",
        "HTTP/111",
        "HTTP-1.1",
        "HTTP/1.1\t",
        "\tHTTP/1.1",
        "HTTP/11",
        "HTTP/ 1.1",
        "HTTPS/1.1",
        "1.1",
        "",
    ] {
        expect_verdicts("malformed", &[format!("GET / {broken}\r\n\r\n").as_bytes()]);
    }
}

#[test]
fn every_error_has_the_status_that_its_name_promises() {
    let statuses = [
        (HeadError::Malformed("why"), 400),
        (HeadError::TargetTooLong, 414),
        (HeadError::FieldsTooLarge, 431),
        (HeadError::VersionNotSupported, 505),
    ];
    for (error, status) in statuses {
        assert_eq!(error.status(), status, "status() of {error:?}; RFC 9110, section 15. {SEE}");
    }
}

#[test]
fn a_request_line_is_three_words_with_one_space_between() {
    let lines: [&[u8]; 16] = [
        b"GET",
        b"GET /",
        b"GET  / HTTP/1.1",
        b"GET /  HTTP/1.1",
        b"GET\t/ HTTP/1.1",
        b" GET / HTTP/1.1",
        b" / HTTP/1.1",
        b"GET  HTTP/1.1",
        b"  HTTP/1.1",
        b"GET / HTTP/1.1 ",
        b"GET / and more HTTP/1.1",
        b"G(T / HTTP/1.1",
        b"G\x00T / HTTP/1.1",
        b"G\xc3\x89T / HTTP/1.1",
        b"G\xffT / HTTP/1.1",
        b"\x16\x03\x01\x02",
    ];
    for line in lines {
        expect_verdicts(
            "malformed",
            &[&[line, b"\r\n\r\n"].concat(), &[line, b"\r\nHost: a\r\n\r\n"].concat()],
        );
    }
}

#[test]
fn a_method_is_any_token_and_is_not_judged_here() {
    for method in ["GET", "get", "BREW", "M-SEARCH", "!#$%&'*+-.^_`|~09azAZ"] {
        let bytes = format!("{method} / HTTP/1.1\r\n\r\n");
        let head = parse_head(bytes.as_bytes()).unwrap_or_else(|error| {
            panic!(
                "parse_head of \"{}\" should be complete, because any token is a method, but it is {error:?}. {SEE}",
                shown(bytes.as_bytes())
            )
        });
        let head = head.expect("complete");
        assert_eq!(head.method, method, "a method is case-sensitive: RFC 9110, section 9.1. {SEE}");
    }
}

#[test]
fn a_target_holds_only_visible_ascii_that_hides_nothing() {
    let mut wrong: Vec<u8> = (0..=b' ').chain(0x7f..=0xff).collect();
    wrong.extend(b"\"#<>\\");
    for byte in wrong {
        expect_verdicts("malformed", &[&[b"GET /a", &[byte][..], b"b HTTP/1.1\r\n\r\n"].concat()]);
    }
    expect_verdicts("complete", &[b"GET /%7Bid%7D;v=1,2/~a_b-c.d!$&'()*+:@=?x=[y]|{z}^` HTTP/1.1\r\n\r\n"]);
}

#[test]
fn a_query_holds_what_browsers_send_raw() {
    for raw in ["\\", "\"", "<", ">", "{", "}", "|", "^", "`", "'", "?", "\u{e9}", "\u{1f411}"] {
        let bytes = format!("GET /a?b={raw}c HTTP/1.1\r\n\r\n");
        let head = parse_head(bytes.as_bytes()).unwrap_or_else(|error| {
            panic!("a query may hold {raw:?}, because browsers send it so, but parse_head says \"{error}\". {SEE}")
        });
        assert_eq!(head.expect("complete").target, format!("/a?b={raw}c"), "the query is as sent. {SEE}");
    }
    for byte in (0..=b' ').chain([b'#', 0x7f, 0x80, 0xe9, 0xff]) {
        expect_verdicts("malformed", &[&[b"GET /a?b=", &[byte][..], b"c HTTP/1.1\r\n\r\n"].concat()]);
    }
    // U+0085 is a line end for some programs.
    expect_verdicts("malformed", &[b"GET /a?b=\xc2\x85c HTTP/1.1\r\n\r\n"]);
}

#[test]
fn a_bare_cr_or_lf_is_refused_wherever_it_stands() {
    let heads: [&[u8]; 9] = [
        b"GET / HTTP/1.1\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\n\r\n\r\n",
        b"GET / HTTP/1.1\r\n\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
        b"GET /\r HTTP/1.1\r\n\r\n",
        b"\nGET / HTTP/1.1\r\n\r\n",
    ];
    expect_verdicts_by(SEE_LIMITS, "malformed", &heads);
}

#[test]
fn what_can_never_become_a_head_is_refused_before_it_ends() {
    expect_verdicts_by(
        SEE_LIMITS,
        "malformed",
        &[
            b"GET / HTTP/1.1\n",
            b"GET / HTTP/1.1\r\nHost: a\n",
            b"GET / HTTP/1.1\rH",
            b"GET /\r\n",
            b"\r\n\r\n",
            b"G(T / HTTP/1.1\r\n",
        ],
    );
    expect_verdicts_by(SEE_LIMITS, "version not supported", &[b"GET / HTTP/2.0\r\n"]);
    expect_verdicts_by(
        SEE_LIMITS,
        "incomplete",
        &[b"GET / HTTP/1.1\r", b"GET / HTTP/1.1\r\nHost", b"", b"\r", b"\r\n"],
    );
}

#[test]
fn a_field_that_two_servers_could_read_differently_is_refused() {
    let fields: [&[u8]; 12] = [
        b"Content-Length : 5",
        b"Content-Length\t: 5",
        b" Host: a",
        b"X: a\r\n folded",
        b"X: a\r\n\tfolded",
        b": no name",
        b"no colon",
        b"X Y: space in the name",
        b"X\x00: nul in the name",
        b"X: nul \x00 in the value",
        b"X: control \x08 in the value",
        b"X: delete \x7f in the value",
    ];
    for field in fields {
        expect_verdicts("malformed", &[&[b"GET / HTTP/1.1\r\n", field, b"\r\n\r\n"].concat()]);
    }
    // Tabs and non-ASCII bytes are allowed in a value: RFC 9110, section 5.5.
    expect_verdicts("complete", &[b"GET / HTTP/1.1\r\nX: tab\there, \xc3\xa9 and \xff\r\n\r\n"]);
}

#[test]
fn a_version_is_two_digits_with_a_dot_between_and_only_then_is_it_judged() {
    let no_digits_in_place =
        ["HTTP/2", "HTTP/2.", "HTTP/2.x", "HTTP/20.1", "HTTP/3", "HTTP/0.10", "HTTP/.11"];
    // Functions that read numbers accept these.
    let numbers = ["HTTP/01.1", "HTTP/1.01", "HTTP/001.1", "HTTP/+1.1", "HTTP/1.+1", "HTTP/+.1", "HTTP/-.1"];
    // Digits of other scripts, and a number that is no digit.
    let not_ascii = ["HTTP/1.\u{663}", "HTTP/\u{661}.1", "HTTP/1.\u{b9}", "HTTP/1.\u{bd}"];
    for version in no_digits_in_place.into_iter().chain(numbers).chain(not_ascii) {
        let head = format!("GET / {version}\r\n\r\n");
        expect_verdicts("malformed", &[head.as_bytes()]);
    }
    for version in ["HTTP/2.1", "HTTP/3.0", "HTTP/9.9"] {
        let head = format!("GET / {version}\r\n\r\n");
        expect_verdicts("version not supported", &[head.as_bytes()]);
    }
}

/// A client may send its next request before it has the response to this one.
#[test]
fn a_head_ends_at_its_first_empty_line() {
    let next = b"GET /b HTTP/1.1\r\nHost: b\r\n\r\n";
    for one in [b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n".as_slice(), b"GET /a HTTP/1.1\r\n\r\n"] {
        let two = [one, next].concat();
        let length = complete(&two).length;
        assert_eq!(length, one.len(), "\nthe length of the first of two heads: \"{}\". {SEE}", shown(&two));
    }
}

/// A buffer that is searched in pieces of a round length has its end between two of them.
#[test]
fn the_end_of_a_head_is_found_across_every_round_number_of_bytes() {
    for border in (5..=14).map(|bits| 1_usize << bits) {
        for length in border - 3..=(border + 3).min(MAX_HEAD) {
            let filler = "a".repeat(length - "GET / HTTP/1.1\r\nX:\r\n\r\n".len());
            let head = format!("GET / HTTP/1.1\r\nX:{filler}\r\n\r\n");
            let found = parse_head(head.as_bytes()).ok().flatten().map(|head| head.length);
            assert_eq!(found, Some(length), "the length of a good head of {length} bytes. {SEE}");
        }
    }
}

/// A valid head, as its parts.
fn good_head() -> impl Strategy<Value = (String, String, Vec<(String, String)>, bool)> {
    let field = ("[A-Za-z][A-Za-z0-9-]{0,10}", "([!-~]([ -~]{0,20}[!-~])?)?");
    ("[A-Z]{1,8}", "/[a-z0-9/.%?=_-]{0,30}", prop::collection::vec(field, 0..6), any::<bool>())
}

/// Writes a head out, with or without an empty line before it.
fn spelled(method: &str, target: &str, fields: &[(String, String)], empty_line: bool) -> Vec<u8> {
    let mut text = format!("{}{method} {target} HTTP/1.1\r\n", if empty_line { "\r\n" } else { "" });
    for (name, value) in fields {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// A byte that breaks a head in the right place.
fn wound() -> impl Strategy<Value = u8> {
    prop::sample::select(b"\r\n\0 :\t".to_vec())
}

proptest! {
    #![proptest_config(super::properties())]

    #[test]
    fn a_good_head_is_incomplete_until_its_last_byte(
        (method, target, fields, empty_line) in good_head(), tail in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut bytes = spelled(&method, &target, &fields, empty_line);
        let length = bytes.len();
        for end in 0..length {
            let found = verdict(&bytes[..end]);
            prop_assert_eq!(found, "incomplete", "after {} of {} bytes of a good head. {}", end, length, SEE_LIMITS);
        }
        bytes.extend(tail);
        let found = verdict(&bytes);
        prop_assert_eq!(
            found, "complete", "a good head, with these bytes behind it: \"{}\". What follows a head is not judged. {}",
            shown(&bytes[length..]), SEE_LIMITS
        );
        let head = parse_head(&bytes).expect("a good head").expect("a complete head");
        let found = (head.method, head.target, head.length);
        let sent = (method.as_str(), target.as_str(), length);
        prop_assert_eq!(found, sent, "(method, target, length) of a good head. {}", SEE_LIMITS);
        let read = head.headers.iter().map(|field| (field.name.to_owned(), field.value.to_vec()));
        let sent = fields.into_iter().map(|(name, value)| (name, value.into_bytes()));
        prop_assert_eq!(read.collect::<Vec<_>>(), sent.collect::<Vec<_>>(), "the fields of a good head. {}", SEE_LIMITS);
    }

    #[test]
    fn no_bytes_make_the_parser_panic(
        lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6), ended in any::<bool>(),
    ) {
        let mut bytes = lines.join(b"\r\n".as_slice());
        if ended {
            bytes.extend(b"\r\n\r\n");
        }
        verdict(&bytes);
    }

    #[test]
    fn what_is_accepted_holds_no_bare_cr_or_lf(
        (method, target, fields, empty_line) in good_head(),
        wounds in prop::collection::vec((any::<prop::sample::Index>(), wound()), 0..4),
    ) {
        let mut bytes = spelled(&method, &target, &fields, empty_line);
        for (place, byte) in wounds {
            let at = place.index(bytes.len());
            bytes.insert(at, byte);
        }
        if let Ok(Some(head)) = parse_head(&bytes) {
            let text = String::from_utf8_lossy(&bytes[..head.length]).replace("\r\n", "");
            prop_assert!(!text.contains(['\r', '\n', '\0']), "accepted: \"{}\". {}", shown(&bytes), SEE_LIMITS);
        }
    }
}

/// A search that begins where the one before has ended is faster, and wrong as soon as a second client sends something.
#[test]
fn a_head_is_read_alike_whatever_was_read_before() {
    let short: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for length in [20, 100, 1000] {
        let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "a".repeat(length));
        let before = verdict(long.as_bytes());
        assert_eq!(before, "incomplete", "\nparse_head of \"{}\". {SEE}", shown(long.as_bytes()));
        let found = verdict(short);
        assert_eq!(
            found,
            "complete",
            "\nparse_head of \"{}\", behind a call with {} bytes of another head. It must remember nothing between two \
             calls. {SEE}",
            shown(short),
            long.len()
        );
    }
}

#[test]
fn what_follows_a_head_is_not_judged() {
    let head: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for body in [&b"\n"[..], b"\r", b"a\nb\rc", b"\0", b"\xff", b" \r\n:"] {
        let found = verdict(&[head, body].concat());
        assert_eq!(
            found,
            "complete",
            "\nparse_head of a good head, with these bytes behind it: \"{}\". What follows a head is not judged. {SEE_LIMITS}",
            shown(body)
        );
    }
}
