//! Files that are stored compressed beside the original (RFC 9110, sections 8.4 and 12.5.3).

use crate::PROGRAM;
use e2e::{Client, Response, Server, Site, eventually, skip};
use std::process::Command;
use verdict::test;

/// The bytes of each file say which it is; no two have the same length.
fn site() -> Site {
    let site =
        Site::new().file("page.html", "original").file("page.html.br", "brotli").file("page.html.gz", "gz");
    let site = site.file("a%b?.txt", "original").file("a%b?.txt.gz", "gz").file("plain.txt", "plain");
    site.file("drawing.svgz", "svgz").file("drawing.svgz.gz", "twice")
}

fn start(site: &Site) -> Server {
    PROGRAM.serve(site, &["--precompressed", "on", "--num-workers", "1"])
}

fn accepting(client: &mut Client, path: &str, codings: &str, status: u16) -> Response {
    client.ask("GET", path, &[&format!("Accept-Encoding: {codings}")]).expect(status)
}

/// The body of an answer, its encoding, and its `Vary`.
fn said(response: &Response) -> (String, Option<&str>, Option<&str>) {
    (response.text(), response.header("Content-Encoding"), response.header("Vary"))
}

#[test]
fn the_client_decides_in_which_coding_a_file_is_sent() {
    let server = start(&site());
    let mut client = server.client();
    let varies = Some("Accept-Encoding");
    // Twice, because the second time may be from a cache.
    for _ in 0..2 {
        for (path, codings, body, coding, vary) in [
            ("/page.html", "gzip, br", "brotli", Some("br"), varies),
            ("/page.html", "gzip", "gz", Some("gzip"), varies),
            ("/page.html", "br;q=0.1, gzip", "gz", Some("gzip"), varies),
            ("/page.html", "identity", "original", None, varies),
            ("/page.html", "identity;q=0", "original", None, varies),
            ("/a%25b%3f.txt", "gzip, br", "gz", Some("gzip"), varies),
            ("/a%25b%3f.txt", "br", "original", None, varies),
            ("/plain.txt", "gzip, br", "plain", None, None),
            ("/drawing.svgz", "gzip", "svgz", Some("gzip"), None),
            ("/page.html.gz", "gzip", "gz", None, None),
        ] {
            let response = accepting(&mut client, path, codings, 200);
            assert_eq!(
                said(&response),
                (body.to_owned(), coding, vary),
                "{path} for a client with {codings}"
            );
            let html = response.header("Content-Type") == Some("text/html; charset=utf-8");
            assert_eq!(html, path == "/page.html", "the type of {path} is that of what it decodes to");
        }
        assert_eq!(said(&client.get("/page.html").expect(200)), ("original".to_owned(), None, varies));
        let head = client.ask("HEAD", "/page.html", &["Accept-Encoding: gzip"]).expect(200);
        assert_eq!((head.content_length(), head.header("Content-Encoding")), (Some(2), Some("gzip")));
    }
}

#[test]
fn each_coding_has_a_tag_and_parts_of_its_own() {
    // The worst case for tags: same length, same time, same bytes.
    let names = ["same.txt", "same.txt.br", "same.txt.gz"];
    let site =
        names.iter().fold(Site::new(), |site, name| site.file(name, "abcdef").modified(name, 1_000_000_000));
    let server = start(&site);
    let mut client = server.client();
    let mut tags = Vec::new();
    for coding in ["identity", "br", "gzip"] {
        let accept = format!("Accept-Encoding: {coding}");
        let tag = accepting(&mut client, "/same.txt", coding, 200).etag();
        let same = client.ask("GET", "/same.txt", &[&accept, &format!("If-None-Match: {tag}")]).expect(304);
        assert_eq!(same.header("Vary"), Some("Accept-Encoding"), "of a 304");
        for (range, status) in [("bytes=1-2", 206), ("bytes=9-", 416)] {
            let range = format!("Range: {range}");
            let part = client.ask("GET", "/same.txt", &[&accept, &range]).expect(status);
            assert_eq!(part.header("Vary"), Some("Accept-Encoding"), "of a {status}");
        }
        let lines = [&*accept, "Range: bytes=1-2", &format!("If-Range: {tag}")];
        assert_eq!(client.ask("GET", "/same.txt", &lines).expect(206).text(), "bc");
        for other in &tags {
            let lines = [&*accept, &format!("If-None-Match: {other}")];
            client.ask("GET", "/same.txt", &lines).expect(200);
            client.ask("GET", "/same.txt", &[&accept, &format!("If-Match: {other}")]).expect(412);
        }
        tags.push(tag);
    }
}

#[test]
fn without_the_flag_a_file_is_what_its_name_says() {
    let server = PROGRAM.serve(&site(), &[]);
    let response = accepting(&mut server.client(), "/page.html", "gzip, br", 200);
    assert_eq!(said(&response), ("original".to_owned(), None, None));
}

#[test]
fn what_cannot_be_sent_in_place_of_a_file_is_passed_over() {
    let site = Site::new().file("a", "a").file("a.gz/x", "x").fifo("a.br");
    let site = site.file("b", "b").link("b.gz", "../outside.txt").file("../outside.txt", "secret");
    let server = start(&site.file("c.gz", "c"));
    let mut client = server.client();
    for path in ["/a", "/b"] {
        let response = accepting(&mut client, path, "gzip, br", 200);
        assert_eq!(said(&response), (path[1..].to_owned(), None, None), "{path}");
    }
    accepting(&mut client, "/c", "gzip", 404);
}

#[test]
fn a_sibling_that_comes_changes_or_goes_is_noticed() {
    let site = Site::new().file("page.txt", "original");
    let server = start(&site);
    let mut client = server.client();
    let mut expect = |body: &str| {
        eventually(&format!("{body} is sent"), || {
            accepting(&mut client, "/page.txt", "gzip", 200).text() == body
        });
    };
    expect("original");
    site.write("page.txt.gz", "first");
    expect("first");
    site.replace("page.txt.gz", "other");
    expect("other");
    site.write("page.txt", "rewritten");
    std::fs::remove_file(site.path("page.txt.gz")).expect("a file to remove");
    expect("rewritten");
}

#[test]
fn curl_reads_what_gzip_wrote() {
    let text = "a line that is the same as the next one\n".repeat(1000);
    let site = Site::new().file("text.txt", &text);
    let written = Command::new("gzip").args(["-k", "-9"]).arg(site.path("text.txt")).status();
    let server = start(&site);
    let curl = |flags: &[&str]| {
        let url = format!("http://{}/text.txt", server.address());
        Command::new("curl").args(["-sS", "-w", "%{size_download}"]).args(flags).arg(url).output()
    };
    let (Ok(gzip), Ok(compressed), Ok(plain)) = (written, curl(&["--compressed"]), curl(&[])) else {
        return skip("gzip or curl is not installed");
    };
    assert!(gzip.success(), "gzip failed");
    let size = std::fs::metadata(site.path("text.txt.gz")).expect("what gzip wrote").len();
    assert_eq!(String::from_utf8_lossy(&compressed.stdout), format!("{text}{size}"), "{compressed:?}");
    assert_eq!(String::from_utf8_lossy(&plain.stdout), format!("{text}{}", text.len()), "{plain:?}");
}
