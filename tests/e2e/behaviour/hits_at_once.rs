//! From stage 4 on a hit needs no thread, unless the server is told to hand over everything.

use crate::PROGRAM;
use crate::overload::{NARROW, burst, refused};
use e2e::{Response, Site, eventually};
use verdict::test;

#[test]
fn hits_are_answered_while_the_queue_is_full() {
    let server = PROGRAM.serve(&Site::new(), &NARROW);
    let is_hit = |response: &Response| response.status == 200 && response.header("X-Cache") == Some("HIT");
    eventually("20 of 60 requests for what needs the disk are refused", || {
        eventually("the page is in the cache", || is_hit(&server.get("/")));
        let responses = burst(&server, &["/missing", "/missing", "/missing", "/"].repeat(20));
        let (hits, others): (Vec<_>, Vec<_>) = responses.into_iter().partition(is_hit);
        assert_eq!(hits.len(), 20, "a hit should be answered by the reception, and not be refused");
        refused(&others) >= 20
    });
}
