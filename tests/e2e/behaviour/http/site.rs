//! What a site's owner can decide: a page for missing files, names that are not served, how long a copy is good.

use crate::PROGRAM;
use e2e::{Server, Site, eventually};
use verdict::test;

/// The site's own page. It would be served in part, or not at all, if the conditions and ranges of a request applied to
/// it.
const SORRY: &str = "<p>Sorry.</p>";

fn expect_sorry(server: &Server, path: &str, fields: &[&str]) {
    let response = server.client().ask("GET", path, fields).expect(404);
    assert_eq!(response.text(), SORRY, "GET {path} with {fields:?} should get the site's own page");
    assert_eq!(response.header("Content-Type"), Some("text/html; charset=utf-8"));
    for name in ["ETag", "Last-Modified", "Content-Range", "Accept-Ranges", "Cache-Control"] {
        assert_eq!(response.header(name), None, "{name} of a page that is not what was asked for: {path}");
    }
}

#[test]
fn what_does_not_exist_is_answered_with_the_sites_own_page() {
    let site = Site::new().file("404.html", SORRY).file("bare/file.txt", "x");
    let log = site.outside().join("access.log");
    let server = PROGRAM.launch().site(&site).flag("--access-log", &log).flags(&["--max-age", "60"]).start();
    let tag = format!("If-None-Match: {}", server.get("/404.html").expect(200).etag());
    for fields in [&[][..], &["If-None-Match: *"], &[&*tag], &["Range: bytes=0-1"], &["If-Match: \"other\""]]
    {
        for path in ["/missing", "/bare/", "/index.html/", "/.git/config"] {
            expect_sorry(&server, path, fields);
        }
    }
    let mut client = server.client();
    let head = client.ask("HEAD", "/missing", &[]).expect(404);
    assert_eq!((head.content_length(), head.body.len()), (Some(SORRY.len()), 0));
    client.get("/").expect(200);
    eventually("the log says 404", || {
        let text = std::fs::read_to_string(&log).expect("an access log");
        text.contains("\"HEAD /missing HTTP/1.1\" 404 0 ")
            && text.contains("\"GET /missing HTTP/1.1\" 404 13 ")
    });
}

#[test]
fn a_page_for_what_does_not_exist_that_cannot_be_read_is_still_404() {
    for site in [
        Site::new(),
        Site::new().link("404.html", "404.html"),
        Site::new().link("404.html", "../outside.txt").file("../outside.txt", SORRY),
        Site::new().fifo("404.html"),
        Site::new().file("404.html/index.html", SORRY),
    ] {
        let page = PROGRAM.serve(&site, &[]).get("/missing").expect(404);
        assert!(page.text().contains("There is no such file"), "the server's own page: {}", page.text());
    }
}

#[test]
fn names_that_begin_with_a_dot_are_not_served_unless_this_is_wanted() {
    let names = [".env", ".git/config", "a/.b/c", "a/.d", "...", ".well-known/.secret", "a/.well-known/e"];
    let site = names.iter().fold(Site::new(), |site, name| site.file(name, "secret"));
    let site = site.file(".well-known/security.txt", "public").file("a/b.c", "public");
    let (server, open) = (PROGRAM.serve(&site, &[]), PROGRAM.serve(&site, &["--dot-files", "on"]));
    let (mut client, mut other) = (server.client(), open.client());
    for name in names {
        client.get(&format!("/{name}")).expect(404);
        client.get(&format!("/{}", name.replace('.', "%2e"))).expect(404);
        client.ask("HEAD", &format!("/{name}"), &[]).expect(404);
        assert_eq!(other.get(&format!("/{name}")).expect(200).text(), "secret");
    }
    // A redirect would reveal that the folder exists.
    client.get("/.git").expect(404);
    for name in [".well-known/security.txt", "a/b.c", "a/./b.c", "x/../a/b.c"] {
        assert_eq!(client.get(&format!("/{name}")).expect(200).text(), "public", "{name} is no hidden file");
    }
}

#[test]
fn max_age_is_said_of_files_and_of_nothing_else() {
    let site = Site::new().file("folder/index.html", "x");
    let server = PROGRAM.serve(&site, &["--max-age", "3600"]);
    let mut client = server.client();
    let tag = format!("If-None-Match: {}", client.get("/").expect(200).etag());
    // The second time from the cache, if there is one.
    for _ in 0..2 {
        for (fields, status) in [(&[][..], 200), (&[&*tag], 304), (&["Range: bytes=0-1"], 206)] {
            let response = client.ask("GET", "/", fields).expect(status);
            assert_eq!(response.header("Cache-Control"), Some("max-age=3600"), "a {status}");
        }
    }
    for (path, fields, status) in [
        ("/missing", &[][..], 404),
        ("/folder", &[], 301),
        ("/", &["If-Match: \"other\""], 412),
        ("/", &["Range: bytes=99-"], 416),
    ] {
        let response = client.ask("GET", path, fields).expect(status);
        assert_eq!(response.header("Cache-Control"), None, "a {status}");
    }
    let silent = PROGRAM.serve(&site, &[]).get("/").expect(200);
    assert_eq!(silent.header("Cache-Control"), None, "nothing is said unless it is asked for");
}
