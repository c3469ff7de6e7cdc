//! A worker dies after each operation on the shared statistics in turn, and the others continue.
//!
//! `cargo test -p stage6-prefork --features crash-points --test crashes -- --nocapture` prints the list of places.

use e2e::{Program, Response, Server, Signal, Site, eventually};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use verdict::test;

const PROGRAM: Program = Program { name: "herd", path: env!("CARGO_BIN_EXE_herd") };

/// Two workers, not confined, because they write to the files of the test.
fn herd(site: &Site, variables: &[(&str, &Path)]) -> Server {
    let launch = PROGRAM.launch().site(site).flags(&["--num-workers", "2", "--landlock", "off"]);
    variables.iter().fold(launch, |launch, (name, value)| launch.variable(name, value)).start()
}

fn try_get(server: &Server, path: &str) -> Option<Response> {
    server.client().try_ask("GET", path, &["Connection: close"]).ok()
}

/// Makes the workers count one of everything, each on its own connection. Some requests may be lost with a worker.
fn stir(server: &Server) {
    for path in ["/", "/nothing", "/large.bin", "/metrics", "/stats"] {
        let _ = try_get(server, path);
    }
}

/// A total of /stats.
fn total(stats: &Response, name: &str) -> u64 {
    let stats = stats.json();
    stats["total"][name].as_u64().unwrap_or_else(|| panic!("/stats should have a total of {name}: {stats}"))
}

#[test]
fn a_worker_may_die_after_any_step_and_the_others_serve_and_scrape() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = Site::new().file("large.bin", vec![b'x'; 2 << 20]);
    let list = folder.path().join("list");
    let server = herd(&site, &[("CRASH_POINTS_LIST", &list)]);
    let known = || -> BTreeSet<String> {
        fs::read_to_string(&list).unwrap_or_default().lines().map(str::to_owned).collect()
    };
    // Repeats until a round shows no new place.
    let mut places = BTreeSet::new();
    loop {
        (0..8).for_each(|_| stir(&server));
        let now = known();
        if now == places {
            break;
        }
        places = now;
    }
    drop(server);
    assert!(places.len() >= 30, "the statistics have many places, and not only {places:#?}");

    for (number, place) in places.iter().enumerate() {
        let mark = folder.path().join(format!("mark-{number}"));
        let server = herd(&site, &[("CRASH_POINT", Path::new(place)), ("CRASH_POINTS_MARK", &mark)]);
        eventually(&format!("a worker dies at {place}"), || {
            stir(&server);
            mark.exists()
        });
        // The other worker serves and scrapes before or after the master notices the death; then there are two again.
        eventually(&format!("after a death at {place} all is as before"), || {
            stir(&server);
            server.workers().len() == 2
                && try_get(&server, "/stats").is_some_and(|stats| total(&stats, "restarts") == 1)
        });
        // If it died in the middle of a scrape, the next scrape notices, and omits its interval.
        server.get("/metrics").expect(200);
        for _ in 0..16 {
            server.get("/").expect(200);
            let metrics = server.get("/metrics").expect(200).text();
            assert!(
                metrics.contains("http_response_time_milliseconds_since_last "),
                "after a death at {place} nobody can scrape any more, so the semaphore is still its"
            );
        }
        eventually(
            &format!("after a death at {place} nothing of the dead is counted as being there"),
            || {
                let stats = server.get("/stats").expect(200);
                // The connection that asks counts too.
                [("connections_active", 1), ("queue_depth", 0), ("threads_busy", 0), ("restarts", 1)]
                    .iter()
                    .all(|&(name, expected)| total(&stats, name) == expected)
            },
        );
        server.signal(Signal::SIGTERM);
        assert_eq!(server.exit_code(), Some(0), "after a death at {place} the herd still stops");
        println!("{place}: dead, replaced, served, scraped");
    }
}
