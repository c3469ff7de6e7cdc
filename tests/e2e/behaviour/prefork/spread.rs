//! Several processes, one port.

use super::{herd, of_each, stats};
use e2e::{Signal, Site, eventually};
use verdict::test;

#[test]
fn every_worker_answers_and_each_knows_the_numbers_of_all() {
    let server = herd(&Site::new(), "4");
    let requests = 200;
    for _ in 0..requests {
        server.get("/").expect(200);
    }
    eventually("the requests are counted", || stats(&server)["total"]["requests"] == requests);
    let seen = stats(&server);
    let counts = of_each(&seen, "requests");
    assert!(
        counts.len() == 4 && counts.iter().all(|&count| count > 0),
        "every worker should have served: {counts:?}"
    );
    assert_eq!(counts.iter().sum::<u64>(), requests, "together they have served what was asked");
    let pids: Vec<u64> = server.workers().iter().map(|pid| pid.as_raw().unsigned_abs().into()).collect();
    for _ in 0..20 {
        let mut said = of_each(&stats(&server), "pid");
        said.sort();
        assert_eq!(said, pids, "/stats should name the live workers, whoever answers");
    }
}

#[test]
fn the_master_has_one_thread_and_no_client() {
    let server = herd(&Site::new(), "2");
    let mut clients: Vec<_> = (0..20).map(|_| server.client()).collect();
    for client in &mut clients {
        client.get("/").expect(200);
        super::worker_of(&server, client, &server.workers());
    }
    assert_eq!(
        e2e::threads(server.pid()),
        1,
        "fork(2) copies one thread, so the master should have no other"
    );
}

#[test]
fn there_may_be_1_to_64_workers() {
    for count in [1, 2, 64] {
        let flags =
            ["--num-workers", &count.to_string(), "--threads-per-worker", "1", "--cache-size-mb", "1"];
        let server = crate::PROGRAM.serve(&Site::new(), &flags);
        assert_eq!(server.workers().len(), count, "this many workers were asked for (right)");
        for _ in 0..50 {
            assert_eq!(server.get("/").expect(200).text(), "home\n");
        }
        assert_eq!(of_each(&stats(&server), "pid").len(), count, "/stats should know all of them");
        server.signal(Signal::SIGTERM);
        assert_eq!(server.exit_code(), Some(0));
        assert_eq!(server.workers(), [], "no worker should be left");
    }
}
