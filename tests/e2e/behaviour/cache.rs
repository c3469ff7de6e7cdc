//! Stage 4: files in memory, whose bytes are at most a moment older than those on the disk.

use crate::PROGRAM;
use e2e::{Client, Response, Server, Site, eventually, pattern};
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, SystemTime};
use verdict::test;

/// Both ways of answering a hit.
const HAND_OFFS: [&str; 2] = ["always", "when-needed"];

/// Every worker has a cache of its own, so there is only one worker.
fn start(site: &Site, megabytes: &str, hand_off: &str) -> Server {
    rested(site);
    PROGRAM.serve(site, &["--num-workers", "1", "--cache-size-mb", megabytes, "--hand-off", hand_off])
}

/// Waits until the last change of every file is some clock ticks old. A file that has only just changed could
/// change again without a new time stamp, so a careful cache asks the disk about it every time.
fn rested(site: &Site) {
    eventually("the files are older than a tick of the file system's clock", || {
        let ages = std::fs::read_dir(site.root()).expect("a root").map(|entry| {
            let status = entry.and_then(|entry| entry.metadata()).expect("a file");
            let changed = Duration::new(status.ctime().unsigned_abs(), status.ctime_nsec() as u32);
            SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default()
                .saturating_sub(changed)
        });
        ages.min().is_none_or(|age| age > Duration::from_millis(50))
    });
}

#[track_caller]
fn get(client: &mut Client, path: &str, cache: &str) -> Response {
    let response = client.get(path).expect(200);
    assert_eq!(response.header("X-Cache"), Some(cache), "the X-Cache (left) of {path} should be {cache}");
    response
}

#[test]
fn the_first_answer_is_a_miss_and_the_next_ones_are_hits_with_the_same_bytes() {
    for hand_off in HAND_OFFS {
        let content = pattern(100_000);
        let server = start(&Site::new().file("file.css", &content), "1", hand_off);
        let mut client = server.client();
        let miss = get(&mut client, "/file.css", "MISS");
        for _ in 0..10 {
            let hit = get(&mut client, "/file.css", "HIT");
            assert!(hit.body == content && miss.body == content, "the bytes should be those of the file");
            for name in ["Content-Type", "Content-Length", "ETag", "Last-Modified", "Accept-Ranges"] {
                assert!(
                    hit.header(name).is_some() && hit.header(name) == miss.header(name),
                    "{name} of hit and miss"
                );
            }
        }
        let head = client.ask("HEAD", "/file.css", &[]).expect(200);
        assert_eq!((head.header("X-Cache"), head.content_length()), (Some("HIT"), Some(100_000)));
        // The same file under another spelling of its name.
        get(&mut client, "/./x/../file.css?query", "HIT");
    }
}

#[test]
fn conditions_and_ranges_are_answered_from_the_cache() {
    for hand_off in HAND_OFFS {
        let server = start(&Site::new().file("ten.txt", "0123456789"), "1", hand_off);
        let mut client = server.client();
        let etag = get(&mut client, "/ten.txt", "MISS").etag();
        let mut ask = |fields: &[&str], status: u16| {
            let response = client.ask("GET", "/ten.txt", fields).expect(status);
            assert_eq!(
                response.header("X-Cache"),
                Some("HIT"),
                "the answer to {fields:?} should come from the cache"
            );
            response
        };
        ask(&[&format!("If-None-Match: {etag}")], 304);
        let part = ask(&["Range: bytes=2-4"], 206);
        assert_eq!((part.text().as_str(), part.header("Content-Range")), ("234", Some("bytes 2-4/10")));
        assert_eq!(ask(&["Range: bytes=-2"], 206).text(), "89");
        ask(&[&format!("If-Range: {etag}"), "Range: bytes=0-0"], 206);
        assert_eq!(ask(&["If-Range: \"other\"", "Range: bytes=0-0"], 200).text(), "0123456789");
    }
}

#[test]
fn the_file_that_was_not_asked_for_longest_makes_room() {
    for hand_off in HAND_OFFS {
        let site = ["a", "b", "c"].iter().fold(Site::new(), |site, name| site.file(name, pattern(400 << 10)));
        let server = start(&site, "1", hand_off);
        let mut client = server.client();
        get(&mut client, "/a", "MISS");
        get(&mut client, "/b", "MISS");
        get(&mut client, "/a", "HIT");
        get(&mut client, "/c", "MISS");
        get(&mut client, "/a", "HIT");
        get(&mut client, "/c", "HIT");
        get(&mut client, "/b", "MISS");
    }
}

#[test]
fn a_file_of_a_mebibyte_is_kept_and_a_larger_one_is_not() {
    for hand_off in HAND_OFFS {
        let (whole, larger) = (pattern(1 << 20), pattern((1 << 20) + 1));
        let server = start(&Site::new().file("whole", &whole).file("larger", &larger), "4", hand_off);
        let mut client = server.client();
        for cache in ["MISS", "HIT", "HIT"] {
            assert!(get(&mut client, "/whole", cache).body == whole, "the bytes should be those of the file");
            assert!(
                get(&mut client, "/larger", "MISS").body == larger,
                "the bytes should be those of the file"
            );
        }
    }
}

#[test]
fn a_size_of_0_turns_the_cache_off() {
    for hand_off in HAND_OFFS {
        let server = start(&Site::new(), "0", hand_off);
        let mut client = server.client();
        for _ in 0..3 {
            let response = client.get("/").expect(200);
            assert_eq!((response.header("X-Cache"), response.text().as_str()), (None, "home\n"));
        }
    }
}

#[test]
fn a_file_that_changed_is_noticed() {
    for hand_off in HAND_OFFS {
        let site = Site::new().file("file.txt", "old");
        let server = start(&site, "1", hand_off);
        let mut client = server.client();
        let old = get(&mut client, "/file.txt", "MISS").etag();
        get(&mut client, "/file.txt", "HIT");
        // Of the same length, and with its time of modification set back to the old one.
        let modified =
            std::fs::metadata(site.path("file.txt")).and_then(|status| status.modified()).expect("a time");
        site.write("file.txt", "new");
        let file = std::fs::File::options().write(true).open(site.path("file.txt"));
        file.and_then(|file| file.set_modified(modified)).expect("a time that can be set");
        eventually("the new content is served", || client.get("/file.txt").expect(200).text() == "new");
        assert_ne!(client.get("/file.txt").expect(200).etag(), old, "new content should have a new ETag");
        let stale = client.ask("GET", "/file.txt", &[&format!("If-None-Match: {old}")]).expect(200);
        assert_eq!(stale.text(), "new", "whoever has the old content should get the new one");
    }
}

#[test]
fn a_file_that_vanished_is_noticed_and_one_that_comes_back_is_served() {
    for hand_off in HAND_OFFS {
        let site = Site::new().file("file.txt", "here");
        let server = start(&site, "1", hand_off);
        let mut client = server.client();
        get(&mut client, "/file.txt", "MISS");
        get(&mut client, "/file.txt", "HIT");
        std::fs::remove_file(site.path("file.txt")).expect("a file to remove");
        eventually("the missing file gets 404", || client.get("/file.txt").status == 404);
        site.write("file.txt", "here again");
        assert_eq!(
            client.get("/file.txt").expect(200).text(),
            "here again",
            "nobody should remember that it was gone"
        );
    }
}

#[test]
fn content_and_etag_never_come_from_two_versions() {
    const LAST: u8 = 150;
    for hand_off in HAND_OFFS {
        let version = |number: u8| vec![number; 600_000];
        let site = Site::new().file("changing", version(0)).file("other", version(0));
        let server = start(&site, "1", hand_off);
        let seen = thread::scope(|scope| {
            let readers: Vec<_> = (0..4).map(|_| scope.spawn(|| versions_until(&server, LAST))).collect();
            (1..=LAST).for_each(|number| site.replace("changing", version(number)));
            readers.into_iter().flat_map(|reader| reader.join().expect("a reader")).collect::<Vec<_>>()
        });
        let mut contents = HashMap::new();
        for (etag, number) in seen {
            let first = *contents.entry(etag.clone()).or_insert(number);
            assert_eq!(first, number, "the ETag {etag} should not stand for two contents");
        }
    }
}

/// Reads until version `last` comes. Returns the ETag and the version of each answer.
fn versions_until(server: &Server, last: u8) -> Vec<(String, u8)> {
    let mut client = server.client();
    let mut seen = Vec::new();
    eventually("the last version is served", || {
        // There is room for only one of the two, so each is read from the disk again and again, while it is replaced.
        client.get("/other").expect(200);
        let response = client.get("/changing").expect(200);
        let number = response.body[0];
        assert!(response.body == vec![number; 600_000], "a body should be of one version, and whole");
        seen.push((response.etag(), number));
        number == last
    });
    seen
}

#[test]
fn many_who_ask_for_one_cold_file_all_get_it() {
    for hand_off in HAND_OFFS {
        let content = pattern(300_000);
        let site = (0..10).fold(Site::new(), |site, number| site.file(&number.to_string(), &content));
        let server = start(&site, "16", hand_off);
        for number in 0..10 {
            let together = Barrier::new(16);
            let ask = || {
                // Nothing may fail before this, or the others would wait forever.
                together.wait();
                let response = server.get(&format!("/{number}")).expect(200);
                let known = matches!(response.header("X-Cache"), Some("HIT" | "MISS"));
                assert!(known && response.body == content, "each should get the file");
            };
            thread::scope(|scope| (0..16).for_each(|_| drop(scope.spawn(ask))));
            get(&mut server.client(), &format!("/{number}"), "HIT");
        }
    }
}

#[test]
fn eviction_never_takes_bytes_from_under_a_response() {
    const TIMES: usize = 8;
    for hand_off in HAND_OFFS {
        let content = |number: usize| pattern(1_000_000).split_off(number * 1000);
        let site = (0..6).fold(Site::new(), |site, number| site.file(&number.to_string(), content(number)));
        // Room for one of them: each client's file evicts those of the others, which are still being sent, because no
        // client reads, and the responses do not fit into the kernel's buffers.
        let server = start(&site, "1", hand_off);
        let mut clients: Vec<Client> =
            (0..6).map(|_| Client::connect_slowly(server.address(), 64 << 10)).collect();
        for (number, client) in clients.iter_mut().enumerate() {
            client.send(format!("GET /{number} HTTP/1.1\r\nHost: localhost\r\n\r\n").repeat(TIMES));
        }
        for _ in 0..TIMES {
            for (number, client) in clients.iter_mut().enumerate() {
                let body = client.response().expect(200).body;
                assert!(body == content(number), "the body should be the bytes of the file");
            }
        }
    }
}
