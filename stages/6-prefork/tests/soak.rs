//! A short soak. `tests/load/soak` is the long one.

use e2e::{Program, Signal};
use load::soak::{Plan, at_rest, disagreement, site, soak};
use verdict::test;

const PROGRAM: Program = Program { name: "herd", path: env!("CARGO_BIN_EXE_herd") };

#[test]
fn everything_at_once_loses_nothing_but_what_a_killed_worker_had() {
    let site = site();
    let server = PROGRAM.serve(&site, &[]);
    let first = at_rest(&server);
    let tally = soak(&server, &site, Plan { clients: 6, actions: 30, deaths: 3, rolls: 2, seed: 1 });
    assert!(tally.failures.is_empty(), "{:#?}", tally.failures);
    assert!(tally.responses() > 200, "too little happened: {tally:?}");
    assert_eq!(disagreement(&server, &tally), None);
    assert_eq!(at_rest(&server), first, "left: what it is like at the end; right: at the beginning");
    server.signal(Signal::SIGTERM);
    assert_eq!(server.exit_code(), Some(0));
    assert!(server.workers().is_empty(), "nobody is left behind");
}
