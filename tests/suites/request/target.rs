//! `Target` and `RequestPath`: what a target means beneath the document root.

use proptest::prelude::*;
use request::{HeadError, RequestPath, Target};
use verdict::test;

/// Where a student finds the rules.
const SEE: &str = "See \"1.3 From target to path\".";

/// The path of a target that is known to be valid.
#[track_caller]
pub fn path(target: &str) -> RequestPath<'_> {
    match Target::parse("GET", target) {
        Ok(Target::Path(path)) => path,
        other => panic!("Target::parse(\"GET\", {target:?}) should be a path, but it is {other:?}. {SEE}"),
    }
}

#[track_caller]
fn expect_refused(method: &str, why: &str, targets: &[&str]) {
    for target in targets {
        match Target::parse(method, target) {
            Err(HeadError::Malformed(_)) => {}
            other => panic!(
                "Target::parse({method:?}, {target:?}) should be malformed, because {why}, but it is {other:?}. {SEE}"
            ),
        }
    }
}

#[test]
fn a_target_becomes_a_path_beneath_the_root() {
    let cases = [
        ("/", ""),
        ("/a", "a"),
        ("/a/b.html", "a/b.html"),
        ("/a/", "a"),
        ("//a///b//", "a/b"),
        ("/./a/./b/.", "a/b"),
        ("/a/../b", "b"),
        ("/a/b/../../c", "c"),
        ("/a/..", ""),
        ("/...", "..."),
        ("/..a/b../.c", "..a/b../.c"),
        ("/%61%2Fb", "a/b"),
        ("/a/%2e%2E/b", "b"),
        ("/a/.%2e/b", "b"),
        ("/%c3%A9", "é"),
        ("/a+b;c=1,2", "a+b;c=1,2"),
        ("/%5c..%5cb", "\\..\\b"),
        ("/a%5c..%5c..%5cb", "a\\..\\..\\b"),
    ];
    for (target, expected) in cases {
        assert_eq!(
            path(target).as_str(),
            expected,
            "the path of the target {target:?} (RFC 3986, section 5.2.4). {SEE}"
        );
    }
}

#[test]
fn a_target_is_decoded_exactly_once() {
    for (target, expected) in
        [("/%2520", "%20"), ("/%252e%252e/a", "%2e%2e/a"), ("/%25", "%"), ("/%2541", "%41")]
    {
        assert_eq!(path(target).as_str(), expected, "{target:?} decoded once, not twice. {SEE}");
    }
}

#[test]
fn a_slash_at_the_end_asks_for_a_directory() {
    for target in
        ["/", "/a/", "/a%2f", "/a//", "/a/.", "/a/..", "/a/b/%2e%2e", "/a/?q", "http://host", "http://host/"]
    {
        assert!(
            path(target).is_directory(),
            "the target {target:?} means a directory, so is_directory() must be true. {SEE}"
        );
    }
    for target in ["/a", "/a/b", "/a?q/", "/a.", "/a.."] {
        assert!(
            !path(target).is_directory(),
            "the target {target:?} means no directory, so is_directory() must be false. {SEE}"
        );
    }
}

#[test]
fn a_query_is_kept_as_sent_and_is_no_part_of_the_path() {
    let cases = [
        ("/a", None),
        ("/a?", Some("")),
        ("/a?b=%20&c", Some("b=%20&c")),
        ("/a?b?c", Some("b?c")),
        ("/a?/../..", Some("/../..")),
        ("/a?%zz%00", Some("%zz%00")),
        ("/a%3fb", None),
    ];
    for (target, expected) in cases {
        assert_eq!(path(target).query(), expected, "the query of {target:?}. {SEE}");
    }
    assert_eq!(path("/a?b/../c").as_str(), "a", "the path ends where the query begins. {SEE}");
    assert_eq!(path("/a%3fb").as_str(), "a?b", "an encoded question mark is part of a name. {SEE}");
}

#[test]
fn a_path_that_would_leave_the_root_is_refused() {
    expect_refused(
        "GET",
        "it leaves the root",
        &[
            "/..",
            "/../a",
            "/a/../..",
            "/a/../../b",
            "/./..",
            "//..",
            "/%2e%2e/a",
            "/%2E./a",
            "/.%2e",
            "/..%2fa",
            "/%2f..",
            "/a%2f..%2f..%2fb",
            "http://host/..",
        ],
    );
}

#[test]
fn what_cannot_be_a_file_name_is_refused() {
    let broken = ["/%", "/%2", "/a%", "/%zz", "/%2g", "/%+1", "/% 1", "/%%41"];
    let controls = [
        "/%00",
        "/a%00.html",
        "/%0a",
        "/%0d%0aX:",
        "/%1b[2J",
        "/%7f",
        "/a\0b",
        "/a\nb",
        "/\u{7f}",
        "http://host/a\rb",
    ];
    let not_utf8 = ["/%ff", "/%c3", "/%c0%ae%c0%ae/a", "/%ed%a0%80"];
    expect_refused("GET", "a percent sign lacks its two digits (RFC 3986, section 2.1)", &broken);
    expect_refused("GET", "it holds a control character", &controls);
    expect_refused("GET", "its decoded bytes are not UTF-8", &not_utf8);
}

#[test]
fn the_absolute_form_means_its_path() {
    let cases = [
        ("http://host/a?q", "a"),
        ("HTTP://host:80/a/../b", "b"),
        ("http://host", ""),
        ("http://host?/a", ""),
        ("http://[::1]:8/a", "a"),
        ("http://[::1]/a", "a"),
        ("http://host:/a", "a"),
        ("http://user@host/a@b", "a@b"),
        ("http://user:password@host:80/a", "a"),
        // The host is `http`, with a colon and no port.
        ("http://http://host/a", "host/a"),
    ];
    for (target, expected) in cases {
        assert_eq!(
            told(target),
            expected,
            "the path of the target {target:?}: behind one \"http://\", all up to the next / or ? is the host, with its \
             user and port (RFC 9112, section 3.2.2). The port may be empty (RFC 3986, section 3.2.3). {SEE}"
        );
    }
    let only_a_query = path("http://host?a/b");
    assert_eq!(
        (only_a_query.query(), only_a_query.is_directory()),
        (Some("a/b"), true),
        "http://host?a/b is the root with a query. (query, is_directory). {SEE}"
    );
    let at_signs = [
        ("http://host/a@b", "a@b", None),
        ("http://host/a?q=x@y", "a", Some("q=x@y")),
        ("http://host?x@y/z", "", Some("x@y/z")),
    ];
    for (target, expected, query) in at_signs {
        assert_eq!(
            (path(target).as_str(), path(target).query()),
            (expected, query),
            "\n{target:?}: an `@` behind the host says nothing about a user. (path, query). {SEE}"
        );
    }
    let others = [
        "",
        "a",
        "a/b",
        "http:/a",
        "http//host/a",
        "xhttp://host/a",
        "a/http://host/a",
        "https://host/a",
        "ftp://host/a",
        "mailto:a",
        "é",
    ];
    expect_refused("GET", "it is neither a path nor an http URL", &others);
    let no_host = [
        "http://",
        "http:///a",
        "http://:80/a",
        "http://:8080/a",
        "http://:/a",
        "http://user@/a",
        "http://user@again@/a",
        "http://user@:80/a",
        "http://user:password@/a",
        "http://user:password@:80/a",
    ];
    expect_refused("GET", "it is an http URL without a host (RFC 9110, section 4.2.1)", &no_host);
}

#[test]
fn a_star_is_for_options_and_an_authority_for_connect() {
    assert_eq!(Target::parse("OPTIONS", "*"), Ok(Target::Server), "RFC 9112, section 3.2.4. {SEE}");
    assert_eq!(Target::parse("CONNECT", "host:443"), Ok(Target::Authority), "RFC 9112, section 3.2.3. {SEE}");
    assert!(
        matches!(Target::parse("OPTIONS", "/a"), Ok(Target::Path(_))),
        "OPTIONS may ask about a file. {SEE}"
    );
    expect_refused("GET", "only OPTIONS has `*`, and only CONNECT has host:port", &["*", "host:443"]);
    expect_refused("OPTIONS", "only CONNECT has host:port", &["**", "host:443"]);
}

#[test]
fn a_name_is_joined_to_a_directory() {
    assert_eq!(path("/").join("index.html").as_str(), "index.html", "joined to the root. {SEE}");
    let joined = path("/a/?q").join("index.html");
    assert_eq!(joined.as_str(), "a/index.html", "joined to a folder. {SEE}");
    assert_eq!(joined.query(), Some("q"), "join keeps the query. {SEE}");
    assert!(!joined.is_directory(), "a joined name means a file. {SEE}");
}

#[test]
fn a_control_character_is_refused_however_encoded() {
    for control in ('\0'..='\u{9f}').filter(|symbol| symbol.is_control()) {
        let mut bytes = [0; 4];
        let encoded: String =
            control.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02x}")).collect();
        let why = "it holds a control character";
        expect_refused("GET", why, &[&format!("/a{encoded}b"), &format!("/a{control}b")]);
    }
    expect_refused("GET", "it holds a control character", &["/%C2%9b"]);
}

#[test]
fn a_query_is_no_host() {
    let why = "it is an http URL without a host (RFC 9110, section 4.2.1)";
    expect_refused("GET", why, &["http://?q", "http://?/a", "http://?q/a"]);
}

#[test]
fn a_scheme_may_have_capital_letters() {
    for target in ["Http://host/a", "hTTp://host/a", "HTTP://host/a"] {
        let found = Target::parse("GET", target);
        assert!(
            matches!(&found, Ok(Target::Path(path)) if path.as_str() == "a"),
            "Target::parse(\"GET\", {target:?}) should be the path \"a\", because the letters of `http://` may be small or \
             capital, but it is {found:?}. See \"1.3 From target to path\", and RFC 3986, section 3.1."
        );
    }
}

/// A `&str` that is cut inside a letter panics.
#[test]
fn a_target_is_cut_only_between_letters() {
    for target in [
        "/%a\u{e9}",
        "/%\u{e9}",
        "/%\u{20ac}",
        "/%4\u{1f411}",
        "http:/\u{e9}",
        "http:\u{20ac}/a",
        "\u{1f411}",
    ] {
        let refused = verdict::caught(|| Target::parse("GET", target).is_err());
        let found = refused.map(|refused| if refused { "refused" } else { "accepted" }.to_owned());
        let found = found.unwrap_or_else(|panic| panic);
        assert_eq!(
            found, "refused",
            "\nTarget::parse(\"GET\", {target:?}): a percent sign lacks its digits, or the scheme is not `http://`, and \
             a letter of several bytes stands where they should be. {SEE}"
        );
    }
}

/// `parse_head` lets no such letter through in a path, so a target with one may be refused here, too.
#[test]
fn a_letter_that_is_not_encoded_becomes_no_other() {
    for letter in ["\u{e9}", "\u{20ac}", "\u{1f411}"] {
        let target = format!("/a{letter}%62");
        let expected = format!("a{letter}b");
        match Target::parse("GET", &target) {
            Ok(Target::Path(path)) => {
                assert_eq!(path.as_str(), expected, "the path of the target {target:?}. {SEE}");
            }
            other => assert!(other.is_err(), "Target::parse(\"GET\", {target:?}) is {other:?}. {SEE}"),
        }
    }
}

#[test]
fn white_space_in_a_name_is_no_control_character() {
    for symbol in [' ', '\u{a0}', '\u{2003}', '\u{200b}', '\u{2028}', '\u{3000}', '\u{feff}'] {
        let name = format!("a{symbol}b");
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let target = format!("/{encoded}");
        assert_eq!(path(&target).as_str(), name, "the path of the target {target:?}. {SEE}");
    }
}

/// Targets made of pieces that have fooled path checks.
fn tricky_target() -> impl Strategy<Value = String> {
    let pieces = [
        "/", "/", "/", ".", "..", "%2e", "%2E%2e", "%2f", "%252e", "%25", "%00", "%5c", "%c3%a9", "%c0%ae",
        "%", "%4", "a", "b", "?", "...", "%0a", ";", "~",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..12)
        .prop_map(|pieces| format!("/{}", pieces.concat()))
}

/// The same in a simple, slow way: bytes, a stack, and no library.
fn naive(target: &str) -> Option<String> {
    let raw = target.split('?').next().unwrap_or_default().as_bytes();
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < raw.len() {
        if raw[at] == b'%' {
            let digits = std::str::from_utf8(raw.get(at + 1..at + 3)?).ok()?;
            decoded.push(u8::from_str_radix(digits, 16).ok()?);
            at += 3;
        } else {
            decoded.push(raw[at]);
            at += 1;
        }
    }
    let decoded = String::from_utf8(decoded).ok()?;
    if decoded.contains(['\0', '\n']) {
        return None;
    }
    let mut stack = Vec::new();
    for segment in decoded.split('/').filter(|segment| !segment.is_empty() && *segment != ".") {
        if segment == ".." {
            stack.pop()?;
        } else {
            stack.push(segment);
        }
    }
    Some(stack.join("/"))
}

proptest! {
    #![proptest_config(super::properties())]

    #[test]
    fn a_path_never_holds_a_segment_that_means_something_to_the_kernel(target in tricky_target()) {
        if let Ok(Target::Path(path)) = Target::parse("GET", &target) {
            let ok = path.as_str().is_empty()
                || path.as_str().split('/').all(|segment| !matches!(segment, "" | "." | "..") && !segment.contains('\0'));
            prop_assert!(ok, "the target {:?} became the path {:?}. {}", target, path.as_str(), SEE);
        }
    }

    #[test]
    fn a_tricky_target_means_what_a_naive_reading_says(target in tricky_target()) {
        let found = match Target::parse("GET", &target) {
            Ok(Target::Path(path)) => Some(path.as_str().to_owned()),
            _ => None,
        };
        prop_assert_eq!(found, naive(&target), "the target {:?}. {}", target, SEE);
    }

    #[test]
    fn names_come_through_encoding_unharmed(name in "[^/\\p{Cc}]{1,12}") {
        prop_assume!(name != "." && name != "..");
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let target = format!("/{encoded}");
        let path = path(&target);
        prop_assert_eq!(path.as_str(), name.as_str(), "the path of {:?}, which is a name, encoded. {}", target, SEE);
    }

    #[test]
    fn no_text_makes_the_target_parser_panic(method in "[A-Z]{0,8}", target in ".{0,40}") {
        let _ = Target::parse(&method, &target);
    }
}

/// The path of a target, or what else it is.
fn told(target: &str) -> String {
    match Target::parse("GET", target) {
        Ok(Target::Path(path)) => path.as_str().to_owned(),
        other => format!("no path, but {other:?}"),
    }
}

#[test]
fn a_name_may_begin_or_end_with_white_space() {
    for (target, expected) in [
        ("/%20", " "),
        ("/%20a%20", " a "),
        ("/a/%20/b", "a/ /b"),
        ("/a/%20../b", "a/ ../b"),
        ("/a/..%20/b", "a/.. /b"),
        ("/%20./b", " ./b"),
        ("/%E2%80%83/a", "\u{2003}/a"),
    ] {
        assert_eq!(
            told(target),
            expected,
            "\nthe path of the target {target:?}: a space is part of a name like every other letter. {SEE}"
        );
    }
}

#[test]
fn a_host_ends_at_a_slash_or_a_question_mark_only() {
    for (target, may_be_refused) in [
        ("http://h;x/a", false),
        ("http://h.:8/a", false),
        ("http://h%41/a", false),
        // `parse_head` lets no such target through, so it may be refused here, too.
        ("http://h#x/a", true),
        ("http://h\\x/a", true),
    ] {
        let found = told(target);
        let is_right = found == "a" || (may_be_refused && Target::parse("GET", target).is_err());
        assert!(
            is_right,
            "the path of the target {target:?} is {found:?}. The host ends at the first / or ?, and at nothing else, so \
             the path is \"a\". {SEE}"
        );
    }
}
