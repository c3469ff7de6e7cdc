//! Three herds behind HAProxy, and behind nginx: one is killed, one is rolled, and clients continue to ask.

use super::{Daemon, PROGRAM, free_address, herd_at, replaced, text};
use e2e::{Client, Pid, Server, Signal, Site, eventually, killpg};
use load::clients::{Clients, Load, Pace};
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use verdict::test;

/// The names that the configurations give to the herds.
pub const NAMES: [&str; 3] = ["a", "b", "c"];

/// Three herds, a folder for the balancer, and the address where it listens.
pub struct Fleet {
    pub herds: Vec<Server>,
    site: Site,
    folder: TempDir,
    pub front: SocketAddr,
}

/// Where a herd serves its health check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Monitoring {
    WithTheFiles,
    Apart,
}

impl Fleet {
    pub fn new() -> Fleet {
        Fleet::with(&[])
    }

    fn with(flags: &[&str]) -> Fleet {
        let site = Site::new().file("page.html", vec![b'x'; 2000]).file("sub/index.html", "sub home");
        let start = |_| {
            let launch = PROGRAM.launch().site(&site).flags(&["--trusted-proxy", "127.0.0.1"]).flags(flags);
            launch.flag("--access-log", site.outside().join("access.log")).start()
        };
        let herds = NAMES.iter().map(start).collect();
        Fleet { herds, site, folder: tempfile::tempdir().expect("a folder"), front: free_address() }
    }

    /// A balancer's file, with the addresses of this fleet.
    fn configuration(&self, name: &str, listen: [&str; 2]) -> PathBuf {
        let mut text = replaced(&text(name), listen[0], &format!("{}{}", listen[1], self.front));
        for (number, herd) in (1..).zip(&self.herds) {
            text = replaced(&text, &format!("10.0.0.{number}:8080"), &herd.address().to_string());
        }
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path
    }

    /// Makes HAProxy ask for /health at the herds' monitoring addresses.
    fn check_apart(&self, text: &str) -> String {
        self.herds.iter().fold(text.to_owned(), |text, herd| {
            let (site, port) = (herd.address().to_string(), herd.monitoring_address().port());
            replaced(&text, &site, &format!("{site} port {port}"))
        })
    }

    /// HAProxy in front of them, once it sees all of them up, and the socket for its operator.
    fn haproxy(&self, monitoring: Monitoring) -> Option<(Daemon, PathBuf)> {
        let (daemon, socket) = self.haproxy_with(|text| match monitoring {
            Monitoring::WithTheFiles => text.to_owned(),
            Monitoring::Apart => self.check_apart(text),
        })?;
        eventually("all three are up", || {
            NAMES.iter().all(|name| haproxy_stat(&socket, name, "status").starts_with("UP"))
        });
        Some((daemon, socket))
    }

    /// Checks that a client with another address than the balancer's, which claims a third one, is in the herds' log
    /// with its own.
    fn names_its_clients(&self) {
        let mut client = Client::connect_from(IpAddr::from([127, 0, 0, 2]), self.front);
        client.ask("GET", "/page.html", &["User-Agent: me", "X-Forwarded-For: 192.0.2.66"]).expect(200);
        eventually("the request is in the access log", || self.line_of("\"me\"").is_some());
        let line = self.line_of("\"me\"").expect("a line");
        assert!(line.starts_with("127.0.0.2 - - ["), "the log should name the client: {line}");
    }

    fn line_of(&self, agent: &str) -> Option<String> {
        let log = fs::read_to_string(self.site.outside().join("access.log")).unwrap_or_default();
        log.lines().find(|line| line.ends_with(agent)).map(str::to_owned)
    }

    /// HAProxy with an edited configuration, as soon as it listens.
    pub fn haproxy_with(&self, edit: impl Fn(&str) -> String) -> Option<(Daemon, PathBuf)> {
        let socket = self.folder.path().join("admin");
        let path = self.configuration("haproxy.cfg", ["bind :80", "bind "]);
        let text = fs::read_to_string(&path).expect("a file");
        let text = edit(&replaced(&text, "/run/haproxy-herd.sock", &socket.to_string_lossy()));
        fs::write(&path, text).expect("a file");
        let daemon =
            Daemon::start(&self.folder, self.front, "haproxy", &["-f", &path.to_string_lossy(), "-db"])?;
        // It listens for clients a moment before it listens for its operator.
        eventually("HAProxy has a socket for its operator", || UnixStream::connect(&socket).is_ok());
        Some((daemon, socket))
    }

    /// nginx in front of them, with an edited configuration.
    pub fn nginx_with(&self, edit: impl Fn(&str) -> String) -> Option<Daemon> {
        let path = self.configuration("nginx.conf", ["listen 80", "listen "]);
        // Where nginx may write if it is not started by root.
        let folder = self.folder.path().display();
        let mine = format!(
            "pid {folder}/pid;\nerror_log {folder}/error.log;\ndaemon off;\n{}",
            replaced(
                &fs::read_to_string(&path).expect("a file"),
                "http {\n",
                &format!(
                    "http {{\n    access_log off;\n    client_body_temp_path {folder};\n    proxy_temp_path {folder};\n    \
                     fastcgi_temp_path {folder};\n    uwsgi_temp_path {folder};\n    scgi_temp_path {folder};\n"
                )
            )
        );
        fs::write(&path, edit(&mine)).expect("a file");
        Daemon::start(&self.folder, self.front, "nginx", &["-c", &path.to_string_lossy()])
    }

    fn clients(&self) -> Clients {
        let clients = Load {
            server: self.front,
            path: "/page.html",
            clients: 16,
            keep_alive: true,
            pace: Pace::Open(400.0),
        }
        .begin();
        go_on(&clients);
        clients
    }

    /// kill -9 for the master and its workers at once, as when a machine loses its power.
    fn kill(&self, number: usize) {
        killpg(self.herds[number].pid(), Signal::SIGKILL).expect("a group of processes");
    }

    fn roll(&self, number: usize) {
        let herd = &self.herds[number];
        let old: Vec<Pid> = herd.workers();
        herd.signal(Signal::SIGHUP);
        eventually("every worker is replaced", || herd.workers().iter().all(|pid| !old.contains(pid)));
    }
}

/// Waits until the clients have some more answers.
fn go_on(clients: &Clients) {
    let enough = clients.answers() + 200;
    eventually("clients are answered", || clients.answers() >= enough);
}

/// What HAProxy knows of a server: a column of `show stat` (HAProxy Management Guide, section 9.1).
pub fn haproxy_stat(socket: &Path, server: &str, column: &str) -> String {
    let mut stream = UnixStream::connect(socket).expect("HAProxy's socket");
    stream.write_all(b"show stat\n").expect("HAProxy's socket");
    let mut table = String::new();
    stream.read_to_string(&mut table).expect("a table");
    let mut lines = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let heads = lines.next().expect("heads");
    let index = heads.iter().position(|head| *head == column).expect("the column");
    lines.find(|line| line[..2] == ["herds", server]).expect("the server")[index].to_owned()
}

#[test]
fn haproxy_loses_no_request_once_it_has_noticed() {
    let mut fleet = Fleet::new();
    let Some((_haproxy, socket)) = fleet.haproxy(Monitoring::WithTheFiles) else { return };
    let status = |name: &str| haproxy_stat(&socket, name, "status");
    let asked = |name: &str| haproxy_stat(&socket, name, "stot").parse::<u64>().expect("a number");
    let clients = fleet.clients();
    fleet.kill(0);
    eventually("HAProxy notices", || status("a").starts_with("DOWN"));
    let lost_until_noticed = clients.lost();
    go_on(&clients);
    fleet.roll(1);
    go_on(&clients);
    assert_eq!(clients.lost(), lost_until_noticed, "nothing should be lost once the dead herd is out");
    // Answers that were in progress, at most one for each client.
    assert!(lost_until_noticed <= 16, "{lost_until_noticed} lost");

    let before = asked("a");
    fleet.herds[0] = herd_at(fleet.herds[0].address(), &fleet.site, &[]);
    eventually("the dead one is back, and gets requests", || {
        status("a").starts_with("UP") && asked("a") > before
    });
    go_on(&clients);
    let found = clients.finish();
    assert_eq!(found.lost, lost_until_noticed);
    assert_eq!(found.with(200), found.answers(), "{:?}", found.answered);
    let [again, elsewhere] = ["wretr", "wredis"]
        .map(|column| haproxy_stat(&socket, "BACKEND", column).parse::<u64>().expect("a number"));
    println!(
        "{} answers, {} lost before HAProxy noticed; {again} requests tried again, {elsewhere} of another herd",
        found.answers(),
        found.lost
    );
    assert!(again + elsewhere > 0, "a herd that is killed under load should cost retries");
}

#[test]
fn haproxy_asks_elsewhere_when_a_herd_drains() {
    // On the files' address there is no /health, so a check there would never find a herd up.
    let fleet = Fleet::with(&["--monitoring-address", "127.0.0.1:0"]);
    let Some((_haproxy, socket)) = fleet.haproxy(Monitoring::Apart) else { return };
    fleet.names_its_clients();
    let clients = fleet.clients();
    // As an operator takes a machine out of service: no new requests, then a stop.
    let mut admin = UnixStream::connect(&socket).expect("HAProxy's socket");
    admin.write_all(b"set server herds/a state drain\n").expect("HAProxy's socket");
    eventually("it drains", || haproxy_stat(&socket, "a", "status").starts_with("DRAIN"));
    eventually("nobody is left", || haproxy_stat(&socket, "a", "scur") == "0");
    fleet.herds[0].signal(Signal::SIGTERM);
    assert_eq!(fleet.herds[0].exit_code(), Some(0));
    go_on(&clients);
    let found = clients.finish();
    assert_eq!((found.lost, found.with(200)), (0, found.answers()), "{:?}", found.answered);
}

#[test]
fn nginx_asks_another_herd() {
    let fleet = Fleet::new();
    let Some(_nginx) = fleet.nginx_with(str::to_owned) else { return };
    fleet.names_its_clients();
    let clients = fleet.clients();
    fleet.kill(0);
    go_on(&clients);
    let lost_with_the_dead = clients.lost();
    assert!(lost_with_the_dead <= 16, "{lost_with_the_dead} lost");
    fleet.roll(1);
    go_on(&clients);
    let found = clients.finish();
    assert_eq!(found.lost, lost_with_the_dead, "nothing should be lost later");
    assert_eq!(found.with(200), found.answers(), "{:?}", found.answered);
}
