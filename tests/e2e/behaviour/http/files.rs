//! A file as clients see it: its describing fields, and parts of it (RFC 9110, sections 8 and 14).

use crate::PROGRAM;
use e2e::{Client, Denied, Errno, Gate, Lease, Site, eventually, libc, pattern, skip};
use std::process::Command;
use verdict::test;

/// 9 September 2001, in seconds since 1970.
const BILLION: u64 = 1_000_000_000;

/// `Sun, 09 Sep 2001 01:46:40 GMT`: the only date format that may be sent (RFC 9110, section 5.6.7).
fn is_http_date(text: &str) -> bool {
    let shape = |byte: u8| match byte {
        b'0'..=b'9' => b'9',
        b'A'..=b'Z' => b'A',
        b'a'..=b'z' => b'a',
        other => other,
    };
    text.bytes().map(shape).eq(*b"Aaa, 99 Aaa 9999 99:99:99 AAA") && text.ends_with(" GMT")
}

#[test]
fn a_file_is_described() {
    let site = Site::new().file("page.html", "<p>text</p>").modified("page.html", BILLION);
    let server = PROGRAM.serve(&site, &[]);
    let page = server.get("/page.html").expect(200);
    assert_eq!(page.header("Last-Modified"), Some("Sun, 09 Sep 2001 01:46:40 GMT"));
    assert_eq!(page.header("Accept-Ranges"), Some("bytes"));
    assert_eq!(page.content_length(), Some(11));
    let etag = page.etag();
    assert!(
        etag.len() > 2 && etag.starts_with('"') && etag.ends_with('"'),
        "{etag} should be a strong entity tag"
    );
    for (path, status) in [("/page.html", 200), ("/missing", 404), ("/%00", 400)] {
        let response = server.get(path).expect(status);
        let date = response.header("Date").unwrap_or("no Date").to_owned();
        assert!(
            is_http_date(&date),
            "the answer to {path} should have a date in the format of HTTP, got: {date}"
        );
    }
}

#[test]
fn a_time_that_cannot_be_believed_is_not_sent_and_spares_nobody_a_copy() {
    // Reproducible builds give 0 or 1 to all files of all releases. A time in the future may come again, and must not
    // be sent (RFC 9110, section 8.8.2.1).
    for second in [0, 1, 4 * BILLION] {
        let [old, new] = ["old", "new"].map(|text| {
            let site = Site::new().file("page.html", text).modified("page.html", second);
            PROGRAM.serve(&site, &[])
        });
        let page = old.get("/page.html").expect(200);
        assert_eq!(page.header("Last-Modified"), None, "of a file that was modified in second {second}");
        let tag = format!("If-None-Match: {}", page.etag());
        old.client().ask("GET", "/page.html", &[&tag]).expect(304);
        let dates = [
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "Thu, 01 Jan 1970 00:00:01 GMT",
            "Sat, 03 Oct 2096 07:06:40 GMT",
        ];
        for line in dates.map(|date| format!("If-Modified-Since: {date}")).iter().chain([&tag]) {
            let response = new.client().ask("GET", "/page.html", &[line]).expect(200);
            assert_eq!(
                response.text(),
                "new",
                "who has the old release and says {line} should get the new one"
            );
        }
    }
}

#[test]
fn a_copy_has_the_tag_of_its_original_and_a_changed_file_another() {
    let site = Site::new().file("file.txt", "one").modified("file.txt", BILLION).sparse("large.bin", 3 << 20);
    let site = site.modified("large.bin", BILLION);
    let copy = Site::new();
    for name in ["file.txt", "large.bin"] {
        let status = Command::new("cp").arg("-a").arg(site.path(name)).arg(copy.path(name)).status();
        assert!(status.expect("cp can be run").success(), "cp -a {name} failed");
    }
    let (server, replica) = (PROGRAM.serve(&site, &[]), PROGRAM.serve(&copy, &[]));
    for path in ["/file.txt", "/large.bin"] {
        let tag = server.get(path).expect(200).etag();
        assert_eq!(
            replica.get(path).expect(200).etag(),
            tag,
            "two servers with the same {path} should agree"
        );
        replica.client().ask("GET", path, &[&format!("If-None-Match: {tag}")]).expect(304);
    }
    let part = ["Range: bytes=1-2", &format!("If-Range: {}", server.get("/large.bin").expect(200).etag())];
    replica.client().ask("GET", "/large.bin", &part).expect(206);
    let changed = Site::new().file("file.txt", "two").modified("file.txt", BILLION + 1);
    let changed = PROGRAM.serve(&changed, &[]).get("/file.txt").expect(200).etag();
    assert_ne!(changed, server.get("/file.txt").expect(200).etag(), "another file should have another tag");
}

#[test]
fn the_content_type_follows_the_name_and_text_has_a_charset() {
    let types = [
        ("page.html", "text/html; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("notes.txt", "text/plain; charset=utf-8"),
        ("data.json", "application/json; charset=utf-8"),
        ("drawing.svg", "image/svg+xml; charset=utf-8"),
        ("image.png", "image/png"),
        ("photo.JPG", "image/jpeg"),
        ("font.woff2", "font/woff2"),
        ("module.wasm", "application/wasm"),
        ("unknown.zzz", "application/octet-stream"),
        ("none", "application/octet-stream"),
    ];
    let site = types.iter().fold(Site::new(), |site, (name, _)| site.file(name, "x"));
    let server =
        PROGRAM.serve(&site.file("script.js", "x").file("drawing.svgz", "x").file("DRAWING.SVGZ", "x"), &[]);
    let mut client = server.client();
    for (name, content_type) in types {
        let response = client.get(&format!("/{name}")).expect(200);
        assert_eq!(response.header("Content-Type"), Some(content_type), "the type of {name}");
    }
    let drawing = client.get("/drawing.svg").expect(200);
    assert_eq!(drawing.header("Content-Encoding"), None, "a drawing that is not compressed");
    for name in ["drawing.svgz", "DRAWING.SVGZ"] {
        let compressed = client.get(&format!("/{name}")).expect(200);
        assert_eq!(compressed.header("Content-Encoding"), Some("gzip"), "the encoding of {name}");
        assert_eq!(compressed.header("Content-Type"), drawing.header("Content-Type"), "the type of {name}");
    }
    let script = client.get("/script.js").expect(200);
    let script_type = script.header("Content-Type").unwrap_or_default();
    assert!(script_type.ends_with("/javascript; charset=utf-8"), "the type of script.js: {script_type}");
}

#[test]
fn an_empty_file_is_a_file() {
    let server = PROGRAM.serve(&Site::new().file("empty.txt", ""), &[]);
    let mut client = server.client();
    let empty = client.get("/empty.txt").expect(200);
    assert_eq!((empty.content_length(), empty.body.len()), (Some(0), 0));
    client.ask("GET", "/empty.txt", &["Range: bytes=0-"]).expect(416);
}

#[test]
fn one_range_is_answered_with_its_bytes() {
    let server = PROGRAM.serve(&Site::new().file("ten.txt", "0123456789"), &[]);
    let mut client = server.client();
    let cases = [
        ("bytes=0-0", 206, Some("bytes 0-0/10"), "0"),
        ("bytes=2-4", 206, Some("bytes 2-4/10"), "234"),
        ("bytes=7-", 206, Some("bytes 7-9/10"), "789"),
        ("bytes=8-100", 206, Some("bytes 8-9/10"), "89"),
        ("bytes=-3", 206, Some("bytes 7-9/10"), "789"),
        ("bytes=-100", 206, Some("bytes 0-9/10"), "0123456789"),
        ("BYTES=1-1", 206, Some("bytes 1-1/10"), "1"),
        ("bytes=3-99999999999999999999999", 206, Some("bytes 3-9/10"), "3456789"),
        ("bytes=10-", 416, Some("bytes */10"), ""),
        ("bytes=99999999999999999999999-", 416, Some("bytes */10"), ""),
        ("bytes=-0", 416, Some("bytes */10"), ""),
        // A field that breaks the grammar is ignored (RFC 9110, section 14.2).
        ("bytes=4-2", 200, None, "0123456789"),
        ("bytes=a-b", 200, None, "0123456789"),
        ("bytes=-", 200, None, "0123456789"),
        ("bytes 2-4", 200, None, "0123456789"),
        ("lines=2-4", 200, None, "0123456789"),
    ];
    for (range, status, content_range, text) in cases {
        let response = client.ask("GET", "/ten.txt", &[&format!("Range: {range}")]);
        let got = (response.status, response.header("Content-Range"));
        assert_eq!(got, (status, content_range), "the answer to Range: {range}");
        assert!(
            status == 416 || response.text() == text,
            "Range: {range} should give {text}, got {}",
            response.text()
        );
    }
    // A range concerns GET only (RFC 9110, section 14.2).
    client.ask("HEAD", "/ten.txt", &["Range: bytes=2-4"]).expect(200);
}

#[test]
fn several_ranges_are_answered_with_the_whole_file_or_in_parts() {
    let server = PROGRAM.serve(&Site::new().file("ten.txt", "0123456789"), &[]);
    let response = server.client().ask("GET", "/ten.txt", &["Range: bytes=0-1,4-5"]);
    let content_type = response.header("Content-Type").unwrap_or_default();
    match response.status {
        200 => assert_eq!(response.text(), "0123456789"),
        206 => {
            assert!(content_type.starts_with("multipart/byteranges"), "several ranges came as {content_type}")
        }
        other => panic!("several ranges should get 200 or 206, got {other}"),
    }
}

#[test]
fn a_large_file_arrives_whole_and_in_parts() {
    let content = pattern((5 << 20) + 3);
    let server = PROGRAM.serve(&Site::new().file("large.bin", &content), &[]);
    let mut client = server.client();
    assert!(client.get("/large.bin").expect(200).body == content, "the body should be the bytes of the file");
    let part = client.ask("GET", "/large.bin", &["Range: bytes=3000000-3999999"]).expect(206);
    assert!(part.body == content[3_000_000..4_000_000], "the body should be the bytes of the range");
    let end = client.ask("GET", "/large.bin", &["Range: bytes=-5"]).expect(206);
    assert_eq!(end.body, content[content.len() - 5..], "the body should be the last bytes of the file");
}

#[test]
fn a_large_file_arrives_whole_and_in_parts_also_where_sendfile_is_refused() {
    let content = pattern((5 << 20) + 3);
    for errno in [Errno::EINVAL, Errno::ENOSYS, Errno::EPERM] {
        let denied = Denied::call(libc::SYS_sendfile, errno);
        let site = Site::new().file("large.bin", &content);
        let server = PROGRAM.launch().site(&site).without(denied).start();
        // A client that takes little at a time, so that the socket is full again and again.
        let mut client = Client::connect_slowly(server.address(), 4 << 10);
        let whole = client.get("/large.bin").expect(200);
        assert!(whole.body == content, "{errno}: the body should be the bytes of the file");
        let part = client.ask("GET", "/large.bin", &["Range: bytes=3000000-3999999"]).expect(206);
        assert!(part.body == content[3_000_000..4_000_000], "{errno}: the body should be those of the range");
        let end = client.ask("GET", "/large.bin", &["Range: bytes=-5"]).expect(206);
        assert_eq!(end.body, content[content.len() - 5..], "{errno}: the body should be the last bytes");
    }
}

#[test]
fn a_file_that_another_program_holds_is_refused_soon_and_served_once_it_is_given_back() {
    let site = Site::new().file("held.txt", "text");
    let Some(lease) = Lease::take(&site.path("held.txt")) else {
        return skip("the file system has no leases");
    };
    let gate = Gate::before(&[libc::SYS_openat2]);
    let server = PROGRAM.launch().site(&site).flags(&["--threads-per-worker", "2"]).through(&gate).start();
    let mut client = server.client();
    client.send("GET /held.txt HTTP/1.1\r\nHost: localhost\r\n\r\n");
    eventually("the kernel asks for the lease", || lease.is_wanted());
    for _ in 0..20 {
        server.get("/").expect(200);
    }
    let refused = client.response().expect(503);
    assert_eq!(refused.header("Retry-After"), Some("1"), "the client may come back");
    let tries = gate.asked(libc::SYS_openat2, "held.txt");
    assert!(tries <= 200, "the file should be asked for a few times, not {tries}");
    drop(lease);
    assert_eq!(server.get("/held.txt").expect(200).text(), "text");
}
