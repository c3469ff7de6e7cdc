//! From stage 4 on a hit needs no thread, unless the server is told to hand over everything.

use crate::PROGRAM;
use crate::flood::{Flood, is_refused, site};
use crate::overload::NARROW;
use e2e::eventually;

#[test]
fn a_hit_is_answered_while_every_thread_is_busy_and_the_queue_is_full() {
    let server = PROGRAM.serve(&site(), &NARROW);
    eventually("the page is in the cache", || server.get("/").expect(200).header("X-Cache") == Some("HIT"));
    let flood = Flood::begin(&server);
    let mut refused = 0;
    eventually("20 requests for what is not in the cache are refused", || {
        // Its entry is trusted for a while and then looked at again, which needs no thread either.
        assert!(!is_refused(&server, "/"), "a hit should be answered by the reception, and not be refused");
        refused += u64::from(server.client().ask("HEAD", "/huge.bin", &[]).status == 503);
        refused >= 20
    });
    flood.end();
}
