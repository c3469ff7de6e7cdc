//! Which methods there are (RFC 9110, section 9).

use crate::PROGRAM;
use e2e::Site;
use verdict::test;

#[test]
fn head_gets_the_same_fields_as_get_and_no_body() {
    let server = PROGRAM.serve(&Site::new().file("page.html", "<p>text</p>"), &[]);
    let mut client = server.client();
    // A cache may be filled by the first request.
    client.get("/page.html").expect(200);
    let (get, head) =
        (client.get("/page.html").expect(200), client.ask("HEAD", "/page.html", &[]).expect(200));
    let described = |name: &str| (get.header(name).is_some(), get.header(name) == head.header(name));
    for name in ["Content-Length", "Content-Type", "Last-Modified", "ETag", "Accept-Ranges"] {
        assert_eq!(described(name), (true, true), "{name} should be the same in the answers to GET and HEAD");
    }
    // If a body had followed, it would now be taken for this response.
    client.get("/page.html").expect(200);
    client.ask("HEAD", "/missing", &[]).expect(404);
    client.get("/page.html").expect(200);
}

#[test]
fn known_methods_get_405_and_allow_for_a_file() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    let mut client = server.client();
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE"] {
        let response = client.ask(method, "/index.html", &["Content-Length: 0"]).expect(405);
        assert_eq!(
            response.header("Allow"),
            Some("GET, HEAD, OPTIONS"),
            "the answer to {method} should say what is allowed"
        );
    }
    client.ask("CONNECT", "example.com:80", &[]).expect(405);
}

#[test]
fn unknown_methods_get_501() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    let mut client = server.client();
    // Methods are case-sensitive (RFC 9110, section 9.1), so `get` is an unknown one.
    for method in ["BREW", "get", "PROPFIND", "GETT"] {
        client.ask(method, "/", &[]).expect(501);
    }
}

#[test]
fn the_server_and_each_file_can_be_asked_for_its_options() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    let mut client = server.client();
    for target in ["*", "/", "/index.html"] {
        let response = client.ask("OPTIONS", target, &[]).expect(204);
        assert_eq!(
            response.header("Allow"),
            Some("GET, HEAD, OPTIONS"),
            "the answer to OPTIONS {target} should list methods"
        );
    }
    // No other method may ask for it (RFC 9112, section 3.2.4).
    client.ask("GET", "*", &[]).expect(400);
}
