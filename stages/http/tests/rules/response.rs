//! `http::response`: what the head of a response looks like on the wire (RFC 9112, section 4).

use http::date;
use http::response::{Body, CacheResult, Response};
use std::sync::Arc;

fn written(response: &Response, close: bool) -> String {
    let mut head = Vec::new();
    response.write_head(&mut head, close);
    String::from_utf8(head).expect("a head is ASCII")
}

/// The status line, and the fields as names and values.
fn taken_apart(head: &str) -> (&str, Vec<(&str, &str)>) {
    let lines = head.strip_suffix("\r\n\r\n").expect("a head ends in an empty line");
    assert!(!lines.replace("\r\n", "").contains(['\r', '\n']), "a line end that is not CR LF: {head:?}");
    let mut lines = lines.split("\r\n");
    let status = lines.next().expect("a head begins with the status line");
    let fields = lines.map(|line| line.split_once(": ").unwrap_or_else(|| panic!("not a field: {line:?}")));
    (status, fields.collect())
}

fn value<'h>(fields: &[(&str, &'h str)], name: &str) -> Option<&'h str> {
    let values: Vec<_> = fields.iter().filter(|field| field.0.eq_ignore_ascii_case(name)).collect();
    assert!(values.len() <= 1, "{name} stands there {} times", values.len());
    values.first().map(|field| field.1)
}

#[test]
fn every_response_is_dated_and_says_what_becomes_of_the_connection() {
    for (status, line) in
        [(200, "HTTP/1.1 200 OK"), (404, "HTTP/1.1 404 Not Found"), (204, "HTTP/1.1 204 No Content")]
    {
        for (close, says) in [(true, "close"), (false, "keep-alive")] {
            let head = written(&Response::new(status, Body::None), close);
            let (first, fields) = taken_apart(&head);
            assert_eq!(first, line);
            assert_eq!(value(&fields, "Connection"), Some(says), "{head}");
            assert!(value(&fields, "Date").is_some_and(|date| date::parse(date).is_some()), "{head}");
        }
    }
}

#[test]
fn a_body_has_its_length_and_no_body_has_none() {
    let bytes: Arc<[u8]> = Arc::from(*b"0123456789");
    let cases = [
        (200, Body::Text(b"hello".to_vec()), Some("5")),
        (206, Body::Memory(bytes.clone(), 2..6), Some("4")),
        (200, Body::Memory(bytes, 0..0), Some("0")),
        (204, Body::None, None),
        (304, Body::None, None),
    ];
    for (status, body, expected) in cases {
        let head = written(&Response::new(status, body), false);
        assert_eq!(value(&taken_apart(&head).1, "Content-Length"), expected, "RFC 9110, section 8.6: {head}");
    }
}

#[test]
fn fields_of_a_file_and_of_a_response_stand_side_by_side() {
    let mut response = Response::new(200, Body::None);
    response.shared_fields = Some(Arc::from(*b"ETag: \"one\"\r\n"));
    response.add("Content-Range", "bytes 0-4/10");
    let head = written(&response, false);
    let (_, fields) = taken_apart(&head);
    assert_eq!(value(&fields, "ETag"), Some("\"one\""));
    assert_eq!(value(&fields, "Content-Range"), Some("bytes 0-4/10"));
    assert_eq!(value(&fields, "X-Cache"), None, "no cache was asked: {head}");
}

#[test]
fn x_cache_says_what_the_cache_had_to_say() {
    for (result, says) in [(CacheResult::Hit, "HIT"), (CacheResult::Miss, "MISS")] {
        let response = Response { cache: Some(result), ..Response::new(200, Body::None) };
        let head = written(&response, false);
        assert_eq!(value(&taken_apart(&head).1, "X-Cache"), Some(says));
    }
}

#[test]
fn an_overloaded_server_says_when_to_come_back_and_closes() {
    let response = Response::overloaded("there is no room");
    assert!(response.close, "the connection makes room for others");
    let head = written(&response, true);
    let (status, fields) = taken_apart(&head);
    assert_eq!((status, value(&fields, "Retry-After")), ("HTTP/1.1 503 Service Unavailable", Some("1")));
}

#[test]
fn a_page_names_its_status_and_says_why() {
    let response = Response::page(416, "The file has no such bytes");
    let Body::Text(page) = &response.body else { panic!("a page is text") };
    let page = String::from_utf8_lossy(page);
    assert!(
        page.contains("416 Range Not Satisfiable") && page.contains("The file has no such bytes"),
        "{page}"
    );
    let head = written(&response, false);
    assert_eq!(value(&taken_apart(&head).1, "Content-Type"), Some("text/html; charset=utf-8"));
}
