//! `DocumentRoot` while the file system changes, or fails, between its system calls.

use super::between_calls::{Call, between_calls};
use super::root::{SEE, Site, is_alone, told};
use super::target::path;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use request::{FindError, Found};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::sync::Arc;
use verdict::test;

/// Finds `target`, with `change` right before each system call of `find` that asks about files. Returns what was found,
/// and how many such calls it took; `None` if nothing can listen to calls here.
fn find(
    site: &Arc<Site>,
    target: &'static str,
    change: impl FnMut(Call) -> Option<Errno>,
) -> Option<(String, usize)> {
    let finder = site.clone();
    let (found, calls) = between_calls(move || finder.root.find(&path(target)), change)?;
    let found = told_with_identity(&found);
    assert!(calls > 0, "find of {target} asked the kernel about no file, and gave: {found}. {SEE}");
    Some((found, calls))
}

/// How many calls `find` makes while nothing changes.
fn calls_for(site: &Arc<Site>, target: &'static str) -> Option<usize> {
    // The first time in a process, `cargo lab` notes that this hole was reached.
    drop(site.root.find(&path(target)));
    find(site, target, |_| None).map(|(_, calls)| calls)
}

/// What was found, and whether its identity is that of the open file.
fn told_with_identity(found: &Result<Found, FindError>) -> String {
    let Ok(Found::File(open)) = found else { return told(found) };
    let status = open.file.metadata().expect("fstat of an open file");
    let identity = &open.identity;
    if (identity.device, identity.inode, identity.size) == (status.dev(), status.ino(), status.len()) {
        return told(found);
    }
    "a file, but the identity is not that of the open file".to_owned()
}

/// Finds the first of two names while the two change places.
fn find_while_two_change_places(site: &Arc<Site>, names: [&'static str; 2], allowed: &[&str]) {
    find_while_change_places(site, names[0], names, allowed);
}

/// Finds `target` while two names change places, at every moment at which they can: right before one system call, and
/// back right before a later one, or never. Every result must be one of `allowed`.
fn find_while_change_places(
    site: &Arc<Site>,
    looked_up: &'static str,
    names: [&'static str; 2],
    allowed: &[&str],
) {
    let [target, other] = names.map(|name| site.www(name.trim_start_matches('/')));
    let exchange = || {
        renameat2(AT_FDCWD, &target, AT_FDCWD, &other, RenameFlags::RENAME_EXCHANGE).expect("both are there")
    };
    let Some(calls) = calls_for(site, looked_up) else { return };
    let moments = (0..calls).flat_map(|first| (first + 1..=calls).map(move |back| [first, back]));
    for moments in moments {
        let mut changed = Vec::new();
        let change = |call: Call| {
            if moments.contains(&call.number) {
                exchange();
                changed.push(format!("call {} ({})", call.number + 1, call.name));
            }
            None
        };
        let Some((found, _)) = find(site, looked_up, change) else { return };
        if changed.len() == 1 {
            exchange();
        }
        let changed = match &changed[..] {
            [] => "did not change places".to_owned(),
            [first, back @ ..] => {
                let back = back.iter().map(|call| format!(", and back right before {call}"));
                format!("changed places right before {first}{}", String::from_iter(back))
            }
        };
        let ([name, other], right) = (names.map(shown), allowed.join(" or "));
        assert!(
            allowed.contains(&&*found),
            "\nfind of {} asks the kernel about files in {calls} calls. {name} and {other} {changed}. {SEE}\
             \n  found:    {found}\n  expected: {right}",
            shown(looked_up)
        );
    }
}

#[test]
fn an_identity_is_of_the_file_that_is_open() {
    let names = ["/index.html", "/folder/inner.txt"];
    find_while_two_change_places(&Arc::new(Site::new()), names, &["file: index", "file: inner"]);
}

#[test]
fn an_identity_is_of_the_state_in_which_the_file_was_opened() {
    let site = Arc::new(Site::new());
    let Some(calls) = calls_for(&site, "/index.html") else { return };
    for number in 0..calls {
        fs::write(site.www("index.html"), "short").expect("writing");
        // If the file is not opened any more, the change may be seen or not.
        let mut opened_later = None;
        let change = |call: Call| {
            if call.number == number {
                fs::write(site.www("index.html"), "longer than before").expect("writing");
            }
            if call.number >= number && call.opens {
                opened_later = Some(call.number + 1);
            }
            None
        };
        let Some((found, _)) = find(&site, "/index.html", change) else { return };
        let Some(opened) = opened_later else { return };
        assert_eq!(
            found,
            "file: longer than before",
            "\nfind of /index.html asks the kernel about files. Right before its call {}, the test writes the text \
             \"longer than before\" into the file, and call {opened} opens it. The identity must be that of the file \
             as it is then. {SEE}",
            number + 1
        );
    }
}

#[test]
fn a_link_that_changes_during_the_look_up_never_leads_outside() {
    let site = Site::new();
    symlink("index.html", site.www("inside")).expect("a link");
    symlink("../secret.txt", site.www("outside")).expect("a link");
    find_while_two_change_places(&Arc::new(site), ["/inside", "/outside"], &["file: index", "NotFound"]);
}

#[test]
fn a_file_that_turns_into_a_fifo_stops_no_thread() {
    let names = ["/index.html", "/fifo"];
    find_while_two_change_places(&Arc::new(Site::new()), names, &["file: index", "NotFound"]);
}

#[test]
fn a_file_that_turns_into_a_folder_is_never_opened_as_one() {
    let names = ["/index.html", "/folder"];
    find_while_two_change_places(&Arc::new(Site::new()), names, &["file: index", "directory", "NotFound"]);
}

#[test]
fn a_link_that_turns_to_a_device_never_opens_it() {
    let Some((site, folder)) = Site::of_devices() else { return drop(Site::new().open("/index.html")) };
    symlink("file", site.www(&format!("{folder}/to-a-file"))).expect("a link");
    symlink("../../null", site.www(&format!("{folder}/to-a-device"))).expect("a link");
    let names = ["to-a-file", "to-a-device"].map(|name| &*format!("/{folder}/{name}").leak());
    find_while_two_change_places(&Arc::new(site), names, &["file: of a test", "NotFound"]);
}

/// Finds `target`, once for each call of `find` that opens or looks up a name, or for each of all with `any`: this
/// one fails with `errno`, and so do the next ones, `times` in all.
fn find_while_calls_fail(target: &'static str, errno: Errno, any: bool, times: usize, expected: &str) {
    let site = Arc::new(Site::new());
    let Some(calls) = calls_for(&site, target) else { return };
    for number in 0..calls {
        let mut failed = Vec::new();
        let change = |call: Call| {
            let fails = call.number >= number && failed.len() < times && (any || call.fails_with(errno));
            fails.then(|| failed.push(format!("call {} ({})", call.number + 1, call.name))).map(|()| errno)
        };
        let Some((found, _)) = find(&site, target, change) else { return };
        if failed.is_empty() {
            return;
        }
        assert_eq!(
            found,
            expected,
            "\nfind of {target} asks the kernel about files, and {} failed: {errno}. {SEE}",
            failed.join(", ")
        );
    }
}

#[test]
fn a_rename_elsewhere_makes_no_look_up_fail() {
    // If a name contains `..` and meanwhile a file is renamed, openat2(2) returns EAGAIN, which means "try again".
    find_while_calls_fail("/index.html", Errno::EAGAIN, false, 3, "file: index");
}

#[test]
fn a_failure_is_told_at_whichever_call_it_comes() {
    for (errno, any, expected) in [
        (Errno::ENOENT, false, "NotFound"),
        (Errno::EACCES, false, "Forbidden"),
        (Errno::EMFILE, false, "OutOfDescriptors"),
        (Errno::ENFILE, false, "OutOfDescriptors"),
        (Errno::EIO, true, "Io(EIO)"),
        (Errno::ESTALE, true, "Io(ESTALE)"),
    ] {
        for target in ["/index.html", "/folder/"] {
            // Once a call has failed, all fail: to try again is no mistake.
            find_while_calls_fail(target, errno, any, usize::MAX, expected);
        }
    }
}

/// A name without what is different in each run: the name of a temporary folder.
fn shown(name: &str) -> String {
    let parts = name.split('/').map(|part| if part.starts_with(".tmp") { "folder" } else { part });
    Vec::from_iter(parts).join("/")
}

#[test]
fn what_a_look_up_opens_it_closes() {
    // No other test may open anything meanwhile.
    if !is_alone("root_races::what_a_look_up_opens_it_closes") {
        return;
    }
    let site = Arc::new(Site::new());
    let open_descriptors = || fs::read_dir("/proc/self/fd").expect("proc(5)").count();
    let mut leaks = String::new();
    let mut counted = |what: &str, look_up: &dyn Fn()| {
        let before = open_descriptors();
        look_up();
        if open_descriptors() != before {
            leaks += &format!("\n- {what}");
        }
    };
    for (what, target) in [("a file", "/index.html"), ("a folder", "/folder"), ("a FIFO", "/fifo")] {
        counted(&format!("find of {what}"), &|| {
            let _ = site.root.find(&path(target));
        });
        counted(&format!("identify_from_memory of {what}"), &|| {
            let _ = site.root.identify_from_memory(&path(target));
        });
    }
    counted("find of a file whose name becomes a FIFO between two system calls of find", &|| {
        find_while_two_change_places(&site, ["/index.html", "/fifo"], &["file: index", "NotFound"]);
    });
    assert!(
        leaks.is_empty(),
        "\na look-up must close every descriptor that it opens, except that of the file that find returns. {SEE}\n\
         These leave descriptors open:{leaks}"
    );
}

#[test]
fn a_file_that_turns_into_a_socket_is_not_found() {
    let names = ["/index.html", "/socket"];
    find_while_two_change_places(&Arc::new(Site::new()), names, &["file: index", "NotFound"]);
}

#[test]
fn a_folder_that_turns_into_a_file_holds_nothing() {
    let (target, names) = ("/folder/inner.txt", ["/folder", "/index.html"]);
    find_while_change_places(&Arc::new(Site::new()), target, names, &["file: inner", "NotFound"]);
}

/// Identifies /index.html from memory, with `change` right before each system call of it that asks about files. Returns
/// what came of it, and how many such calls it took; `None` if nothing can listen to calls here.
fn identify(
    site: &Arc<Site>,
    change: impl FnMut(Call) -> Option<Errno>,
) -> Option<(Result<Option<u64>, String>, usize)> {
    let finder = site.clone();
    let look = move || finder.root.identify_from_memory(&path("/index.html")).map(|identity| identity.inode);
    between_calls(move || verdict::caught(look), change)
}

#[test]
fn a_failure_of_a_look_from_memory_is_no_identity() {
    let site = Arc::new(Site::new());
    site.identity_from_memory("/index.html");
    for errno in [Errno::EAGAIN, Errno::EACCES, Errno::EMFILE, Errno::EIO] {
        let Some((_, calls)) = identify(&site, |_| None) else { return };
        for number in 0..calls {
            let mut failed = None;
            // Once a call has failed, all fail.
            let change = |call: Call| {
                let fails = call.number >= number;
                fails.then(|| *failed.get_or_insert((call.number + 1, call.name))).map(|_| errno)
            };
            let Some((found, _)) = identify(&site, change) else { return };
            let Some((number, name)) = failed else { continue };
            let found = match found {
                Ok(None) => "None".to_owned(),
                Ok(Some(_)) => "an identity".to_owned(),
                Err(panic) => panic,
            };
            assert_eq!(
                found, "None",
                "\nidentify_from_memory of /index.html asks the kernel about files, and call {number} ({name}) failed: \
                 {errno}. It must return None in every case of doubt. {SEE}"
            );
        }
    }
}

#[test]
fn a_file_that_turns_into_a_fifo_is_not_identified_as_one() {
    let site = Arc::new(Site::new());
    let index = fs::metadata(site.www("index.html")).expect("the test's file").ino();
    site.identity_from_memory("/index.html");
    let exchange = || {
        let [index, fifo] = ["index.html", "fifo"].map(|name| site.www(name));
        renameat2(AT_FDCWD, &index, AT_FDCWD, &fifo, RenameFlags::RENAME_EXCHANGE).expect("both are there");
        // So that the kernel knows both from memory.
        for name in [index, fifo] {
            fs::metadata(name).expect("it is there");
        }
    };
    let Some((_, calls)) = identify(&site, |_| None) else { return };
    for number in 0..calls {
        let mut changed = None;
        let change = |call: Call| {
            if call.number == number {
                exchange();
                changed = Some((call.number + 1, call.name));
            }
            None
        };
        let Some((found, _)) = identify(&site, change) else { return };
        let Some((number, name)) = changed else { continue };
        exchange();
        assert!(
            found == Ok(None) || found == Ok(Some(index)),
            "identify_from_memory of /index.html asks the kernel about files. Right before its call {number} ({name}), \
             /index.html and /fifo changed places. It has returned the identity of the FIFO; it must be that of the file, or \
             None. Look a name up once, and ask what you have found, not the name. {SEE}"
        );
    }
}
