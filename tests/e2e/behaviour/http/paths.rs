//! From a target to a file, and never to one outside (RFC 3986, section 5.2.4; openat2(2)).

use crate::PROGRAM;
use e2e::Site;
use verdict::test;

const SECRET: &str = "the secret outside";

#[test]
fn no_spelling_of_dot_dot_leaves_the_root() {
    let site = Site::new().file("folder/file.txt", "inside").file("../secret.txt", SECRET);
    let server = PROGRAM.serve(&site, &[]);
    let outside = format!("{}", site.outside().join("secret.txt").display());
    let targets = [
        "/../secret.txt",
        "/../../../../../../../../etc/passwd",
        "/folder/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/%2E%2E/secret.txt",
        "/.%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/folder%2f..%2f..%2fsecret.txt",
        "/%252e%252e/secret.txt",
        "/%252e%252e%252fsecret.txt",
        "/..%5csecret.txt",
        "/..;/secret.txt",
        "/.../secret.txt",
        "/....//secret.txt",
        "//../secret.txt",
        "/%c0%ae%c0%ae/secret.txt",
        "/..%00/secret.txt",
        "http://localhost/../secret.txt",
        "http://localhost/%2e%2e/secret.txt",
        &outside,
        &format!("/{outside}"),
    ];
    for target in targets {
        let response = server.client().ask("GET", target, &[]);
        assert!(
            matches!(response.status, 400 | 404) && !response.text().contains(SECRET),
            "{target} should get 400 or 404, got {} {:?}",
            response.status,
            response.text()
        );
    }
    // Dots themselves are not forbidden.
    let inside = server.client().ask("GET", "/folder/../folder/./%2e/file.txt", &[]).expect(200);
    assert_eq!(inside.text(), "inside", "dots that stay inside should be resolved");
}

#[test]
fn symbolic_links_are_followed_inside_the_root_and_never_out_of_it() {
    let site =
        Site::new().file("real.txt", "inside").file("deep/file.txt", "deep").file("../secret.txt", SECRET);
    let site = site.link("good.txt", "real.txt").link("good", "deep").link("up.txt", "../secret.txt");
    let absolute = site.outside().join("secret.txt");
    let site = site.link("absolute.txt", absolute).link("parent", "..").link("system", "/etc");
    let site = site.link("loop", "loop").link("dangling", "nowhere");
    let server = PROGRAM.serve(&site, &[]);
    let mut client = server.client();
    assert_eq!(client.get("/good.txt").expect(200).text(), "inside");
    assert_eq!(client.get("/good/file.txt").expect(200).text(), "deep");
    for path in ["/up.txt", "/absolute.txt", "/parent/secret.txt", "/system/hostname", "/loop", "/dangling"] {
        client.get(path).expect(404);
    }
}

#[test]
fn a_sibling_whose_name_begins_like_the_root_is_outside() {
    let site = Site::new().file("../www-private/secret.txt", SECRET);
    let server = PROGRAM.serve(&site.link("private", "../www-private"), &[]);
    for path in ["/../www-private/secret.txt", "/private/secret.txt", "/%2e%2e/www-private/secret.txt"] {
        let response = server.client().get(path);
        assert!(
            matches!(response.status, 400 | 404),
            "{path} should get 400 or 404, got {}",
            response.status
        );
    }
}

#[test]
fn only_regular_files_are_opened() {
    let server = PROGRAM.serve(&Site::new().fifo("fifo"), &[]);
    let mut client = server.client();
    // Opening a FIFO waits for a writer: the second answer proves that no thread does.
    client.get("/fifo").expect(404);
    client.ask("HEAD", "/fifo", &[]).expect(404);
    client.get("/").expect(200);
}

#[test]
fn the_target_is_decoded_exactly_once() {
    let site = Site::new().file("two words.txt", "space").file("%41.txt", "percent").file("A.txt", "letter");
    let server = PROGRAM.serve(&site.file("\u{fc}.txt", "umlaut"), &[]);
    let mut client = server.client();
    let cases = [
        ("/two%20words.txt", "space"),
        ("/%41.txt", "letter"),
        ("/%2541.txt", "percent"),
        ("/%c3%bc.txt", "umlaut"),
        ("/A.txt?two%20words.txt", "letter"),
    ];
    for (path, text) in cases {
        assert_eq!(client.get(path).expect(200).text(), text, "{path} means another file");
    }
    client.get("/two+words.txt").expect(404);
}

#[test]
fn what_cannot_be_a_file_name_gets_400() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    for path in ["/index.html%00", "/%00", "/a%0d%0aX:y", "/%7f", "/%", "/%4", "/%zz", "/%ff", "/%c3%28"] {
        server.client().get(path).expect(400);
    }
}

#[test]
fn a_query_may_be_raw_where_a_path_may_not() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    for raw in ["\\", "\"", "<", ">", "{", "}", "|", "^", "`", "\u{e9}"] {
        let page = server.client().get(&format!("/?a=b{raw}c")).expect(200);
        assert_eq!(page.text(), "home\n", "browsers send {raw} in a query");
    }
    for raw in ["\\", "\"", "<", ">", "\u{e9}"] {
        server.client().get(&format!("/index.html{raw}")).expect(400);
    }
}

#[test]
fn the_absolute_form_means_its_path() {
    let server = PROGRAM.serve(&Site::new().file("page.txt", "page"), &[]);
    let mut client = server.client();
    assert_eq!(client.ask("GET", "http://other.example/page.txt?x", &[]).expect(200).text(), "page");
    assert_eq!(client.ask("GET", "HTTP://localhost", &[]).expect(200).text(), "home\n");
}

#[test]
fn a_directory_is_its_index_and_never_a_list() {
    let site = Site::new().file("sub/index.html", "sub home").file("bare/hidden.txt", "hidden");
    let site = site.file("a:b/index.html", "colon").file("deep/er/index.html", "deeper");
    let server = PROGRAM.serve(&site.file("a b/index.html", "spaced"), &[]);
    let mut client = server.client();
    assert_eq!(client.get("/").expect(200).text(), "home\n");
    assert_eq!(client.get("/sub/").expect(200).text(), "sub home");
    for (path, location) in [
        ("/sub", "./sub/"),
        ("/sub?x=1/2", "./sub/?x=1/2"),
        ("/sub?\\\"\u{e9}%20[]", "./sub/?%5C%22%C3%A9%20[]"),
        ("/a%20b", "./a%20b/"),
        ("/deep/er", "./er/"),
        // For the client, there is no directory called deep, so the whole name is needed.
        ("/deep%2Fer", "./deep%2Fer/"),
        // Two slashes at the front of a Location would be the name of another host, and `a:` a scheme.
        ("//sub", "./sub/"),
        ("/a:b", "./a:b/"),
    ] {
        let response = client.get(path).expect(301);
        assert_eq!(
            response.header("Location"),
            Some(location),
            "{path} should be sent to the directory's own name, from where it is"
        );
    }
    let bare = client.get("/bare/").expect(404);
    assert!(!bare.text().contains("hidden"), "a directory without an index should not be listed");
    client.get("/index.html/").expect(404);
    client.get("/index.html/x").expect(404);
    client.get(&format!("/{}", "a".repeat(300))).expect(404);
}
