//! `http::coding`: RFC 9110, section 12.5.3.

use super::{head, head_text};
use http::coding::{Coding, preferred};

const BR: Option<Coding> = Some(Coding::Brotli);
const GZIP: Option<Coding> = Some(Coding::Gzip);

#[test]
fn the_coding_that_the_client_likes_best_is_chosen() {
    let cases: [(&[&str], Option<Coding>); 28] = [
        (&[], None),
        (&["Accept-Encoding:"], None),
        (&["Accept-Encoding: identity"], None),
        (&["Accept-Encoding: zstd"], None),
        (&["Accept-Encoding: gzip, deflate, br, zstd"], BR),
        (&["Accept-Encoding: gzip"], GZIP),
        (&["Accept-Encoding: GZip"], GZIP),
        (&["Accept-Encoding: x-gzip"], GZIP),
        (&["Accept-Encoding: x-br"], None),
        (&["Accept-Encoding: gzip", "Accept-Encoding: br"], BR),
        (&["Accept-Encoding: br;q=0.5, gzip;q=0.8"], GZIP),
        (&["Accept-Encoding: br;q=0.5, gzip;q=0.501"], GZIP),
        (&["Accept-Encoding: br ; q=0.5 , gzip ;Q=0.4"], BR),
        (&["Accept-Encoding: br;q=0, gzip;q=0.001"], GZIP),
        (&["Accept-Encoding: br;q=0, gzip;q=0.000"], None),
        (&["Accept-Encoding: *"], BR),
        (&["Accept-Encoding: *, br;q=0"], GZIP),
        (&["Accept-Encoding: br;q=0.1, *;q=0.2"], GZIP),
        (&["Accept-Encoding: *;q=0"], None),
        (&["Accept-Encoding: gzip, identity"], GZIP),
        (&["Accept-Encoding: gzip;q=0.5, identity"], None),
        (&["Accept-Encoding: gzip;q=0.5, identity;q=0.4"], GZIP),
        // Refused are all that there are, and one must be sent.
        (&["Accept-Encoding: identity;q=0"], None),
        (&["Accept-Encoding: gzip;q=0.5, identity;q=0"], GZIP),
        // Broken weights count as 0: the file as it is can be read by all.
        (&["Accept-Encoding: gzip;q=1.001, br;q=2"], None),
        (&["Accept-Encoding: gzip;q=0.0001, br;q=, *;q=-1"], None),
        (&["Accept-Encoding: gzip;q=0.+50"], None),
        (&["Accept-Encoding: gzip;level=9"], None),
    ];
    for (lines, expected) in cases {
        let found = preferred(&head(&head_text("GET", "HTTP/1.1", lines)), Coding::ALL.into_iter());
        assert_eq!(found, expected, "with {lines:?}");
    }
}

#[test]
fn only_what_is_there_is_chosen() {
    let text = head_text("GET", "HTTP/1.1", &["Accept-Encoding: br, gzip;q=0.1"]);
    assert_eq!(preferred(&head(&text), [Coding::Gzip].into_iter()), GZIP);
    assert_eq!(preferred(&head(&text), [].into_iter()), None);
}
