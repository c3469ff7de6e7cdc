//! `http::validators`: what an entity tag is made of, and which times can be believed.

use http::validators::Validators;
use parts::request::FileIdentity;
use std::time::Duration;

/// When all of this happens, in seconds since 1970.
const NOW: u64 = 1_800_000_000;

/// A file as this machine knows it.
const FILE: FileIdentity =
    FileIdentity { device: 1, inode: 2, size: 10, modified: (1_000_000_000, 5), changed: (1_500_000_000, 0) };

/// The same bytes elsewhere, copied with their time of modification.
const COPY: FileIdentity = FileIdentity { device: 7, inode: 8, changed: (1_600_000_000, 9), ..FILE };

fn validators(identity: FileIdentity) -> Validators {
    Validators::of_file(&identity, Duration::from_secs(NOW))
}

#[test]
fn a_copy_has_the_tag_of_its_original_and_a_changed_file_another() {
    let tag = validators(FILE).etag;
    assert_eq!(validators(COPY).etag, tag, "two servers with the same copy should agree");
    for changed in [
        FileIdentity { size: 11, ..FILE },
        FileIdentity { modified: (1_000_000_001, 5), ..FILE },
        FileIdentity { modified: (1_000_000_000, 6), ..FILE },
    ] {
        assert_ne!(validators(changed).etag, tag, "{changed:?} is not {FILE:?}");
    }
}

#[test]
fn a_time_that_says_nothing_is_not_sent_and_makes_no_tag_by_itself() {
    let now = NOW as i64;
    for (seconds, dated) in [
        (i64::MIN, false),
        (-1, false),
        (0, false),
        (1, false),
        (2, true),
        (now + 1, false),
        (i64::MAX, false),
    ] {
        let [file, release] =
            [FILE, COPY].map(|file| validators(FileIdentity { modified: (seconds, 0), ..file }));
        assert_eq!(
            file.modified,
            dated.then_some(seconds as u64),
            "Last-Modified of a file of second {seconds}"
        );
        assert_eq!(file.etag == release.etag, dated, "second {seconds}: is one tag enough for two files?");
    }
}

#[test]
fn a_file_that_was_modified_a_moment_ago_has_a_tag_of_its_own() {
    for (age, own) in [(0, true), (1, true), (2, true), (3, false)] {
        let modified = ((NOW - age) as i64, 0);
        let [file, other] = [FILE, COPY].map(|file| validators(FileIdentity { modified, ..file }));
        assert_eq!(file.modified, Some(NOW - age), "its date is over, so it can be sent");
        assert_eq!(
            file.etag != other.etag,
            own,
            "within a tick of the clock, {age} s ago, it may change again"
        );
    }
}

#[test]
fn bytes_in_memory_make_the_tag_whatever_the_times_are() {
    let undated = FileIdentity { modified: (1, 0), ..FILE };
    let tag = |file, bytes: &[u8]| validators(file).of_bytes(bytes);
    let first = tag(undated, b"release 1.");
    assert_eq!(first.etag, tag(COPY, b"release 1.").etag, "the same bytes have the same tag");
    assert_ne!(first.etag, tag(undated, b"release 2.").etag, "other bytes have another");
    assert_eq!((first.modified, tag(FILE, b"").modified), (None, Some(1_000_000_000)));
    for etag in [first.etag, validators(FILE).etag, validators(undated).etag] {
        let inner =
            etag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).expect("quotes around a tag");
        let plain = inner.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
        assert!(plain, "{etag} should be a strong tag that needs no escape");
    }
}
