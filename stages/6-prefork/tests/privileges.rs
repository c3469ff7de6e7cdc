//! What a worker must not be able to do, tried by a thread that is confined as a worker is.

use nix::errno::Errno;
use stage6_prefork::privileges::confine;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::process::Command;
use std::thread;
use verdict::test;

#[track_caller]
fn refused<T>(what: &str, result: io::Result<T>) {
    let errno = result.err().and_then(|error| error.raw_os_error()).map(Errno::from_raw);
    assert_eq!(errno, Some(Errno::EACCES), "{what} should be refused by the kernel");
}

#[test]
fn a_confined_thread_reads_beneath_the_root_and_does_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let (root, outside) = (folder.path().join("www"), folder.path().join("secret"));
    fs::create_dir(&root).expect("a root");
    fs::write(root.join("page"), "page").expect("a page");
    fs::write(&outside, "secret").expect("a secret");
    symlink(&outside, root.join("link")).expect("a link");
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = listener.local_addr().expect("its address");
    let mut open_before = File::open(&outside).expect("not confined yet");

    // Landlock confines a thread and what it starts; other threads stay free.
    let confined = thread::spawn(move || {
        if !confine(File::open(&root).expect("a root")).expect("the kernel confines") {
            return e2e::skip("this kernel has no Landlock");
        }
        assert_eq!(fs::read_to_string(root.join("page")).expect("a page beneath the root"), "page");
        refused("reading outside the root", File::open(&outside));
        refused("reading through a link that leaves the root", File::open(root.join("link")));
        refused("reading the passwords", File::open("/etc/passwd"));
        refused("writing beneath the root", OpenOptions::new().write(true).open(root.join("page")));
        refused("making a file beneath the root", File::create(root.join("new")));
        refused("removing a file beneath the root", fs::remove_file(root.join("page")));
        refused("running a program", Command::new("/bin/true").status());
        let child = thread::spawn(move || refused("a thread of it reading outside", File::open(&outside)));
        child.join().expect("a thread started later is confined as well");
        refused("connecting to somebody", TcpStream::connect(address));
        let mut secret = String::new();
        open_before.read_to_string(&mut secret).expect("what is open stays open");
        assert_eq!(secret, "secret");
    });
    confined.join().expect("what a worker cannot do any more");
    assert!(File::open("/etc/passwd").is_ok(), "a thread that is not confined is free");
}
