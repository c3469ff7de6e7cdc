//! Balancers that are not set up as ours are: their defaults, and common settings.

use super::balancers::{Fleet, NAMES, haproxy_stat};
use super::{replaced, run, text};
use e2e::{Client, eventually};
use program::cli::{self, Start};
use verdict::test;

/// HAProxy's default check is `OPTIONS /` in HTTP/1.0, without Host.
#[test]
fn haproxys_default_check_finds_herds_up() {
    let fleet = Fleet::new();
    let edited = fleet.haproxy_with(|file| {
        let lines = file.lines().filter(|line| !line.trim_start().starts_with("http-check"));
        lines.collect::<Vec<_>>().join("\n") + "\n"
    });
    let Some((_haproxy, socket)) = edited else { return };
    for name in NAMES {
        eventually("HAProxy has asked more than once", || {
            haproxy_stat(&socket, name, "check_code") == "204"
                && haproxy_stat(&socket, name, "status") == "UP"
        });
    }
}

/// Each connection of HAProxy begins with a line about the client (`send-proxy`), also those of its checks.
#[test]
fn haproxy_that_speaks_the_proxy_protocol_finds_herds_down() {
    let fleet = Fleet::new();
    let Some((haproxy, socket)) =
        fleet.haproxy_with(|file| replaced(file, "default-server", "default-server send-proxy"))
    else {
        return;
    };
    for name in NAMES {
        eventually("the checks fail", || haproxy_stat(&socket, name, "status") == "DOWN");
        assert_eq!(haproxy_stat(&socket, name, "check_code"), "400");
    }
    println!("{}", haproxy.log());
}

/// The client asks for `/app/sub`, the balancer asks herd for `/sub`, and the redirect must still lead to `/app/sub/`.
#[track_caller]
fn leads_to_the_directory(fleet: &Fleet) {
    let url = format!("http://{}/app/sub", fleet.front);
    let arguments = ["--silent", "--show-error", "--location", "--write-out", "%{url_effective}", &url];
    let Some(output) = run("curl", &arguments) else { return };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said, format!("sub home{url}/"), "a redirect should survive a proxy that strips /app");
}

#[test]
fn a_redirect_survives_haproxy_that_strips_a_prefix() {
    let fleet = Fleet::new();
    let strip = "http-request replace-path /app(/.*) \\1\n    default_backend herds\n";
    let Some(_haproxy) = fleet.haproxy_with(|file| replaced(file, "default_backend herds\n", strip)) else {
        return;
    };
    leads_to_the_directory(&fleet);
}

#[test]
fn a_redirect_survives_nginx_that_strips_a_prefix() {
    let fleet = Fleet::new();
    let strip = |file: &str| {
        replaced(&replaced(file, "location / {", "location /app/ {"), "http://herds;", "http://herds/;")
    };
    let Some(_nginx) = fleet.nginx_with(strip) else { return };
    leads_to_the_directory(&fleet);
}

/// An idle connection must be closed by the side that would use it. If herd closes it, a request may be on its way
/// already.
#[test]
fn nginx_lets_go_of_a_connection_before_herd_does() {
    let line = text("nginx.conf")
        .lines()
        .find_map(|line| Some(line.trim().strip_prefix("keepalive_timeout ")?.to_owned()));
    let seconds: u64 = line.expect("a line").trim_end_matches("s;").parse().expect("seconds");
    let nothing = |_: &str| None;
    let Ok(Start::Serve(settings)) =
        cli::parse("herd", "", ["herd".into()], nothing, |_| Err(std::io::ErrorKind::NotFound.into()))
    else {
        panic!("no flags are a command line");
    };
    assert!(
        seconds < settings.timeout.as_secs(),
        "{seconds} s should be less than herd's {:?}",
        settings.timeout
    );

    let fleet = Fleet::new();
    // The same, with a shorter timeout.
    let Some(_nginx) = fleet.nginx_with(|file| {
        replaced(file, &format!("keepalive_timeout {seconds}s;"), "keepalive_timeout 1s;")
    }) else {
        return;
    };
    Client::connect(fleet.front).get("/page.html").expect(200);
    // The request for /health is a connection, too. This herd's own limit for idle clients is ten minutes.
    for herd in &fleet.herds {
        eventually("nginx lets go", || herd.get("/health").expect(200).json()["active_connections"] == 1);
    }
}
