//! The page that watches the server: its parts, and a browser that watches through a storm.

use super::{ONE, start};
use crate::PROGRAM;
use e2e::{Site, pattern};
use std::process::Output;
use verdict::test;

#[test]
fn the_page_loads_nothing_from_elsewhere_and_is_always_fresh() {
    let server = start(&Site::new());
    let mut client = server.client();
    let page = client.get("/dashboard").expect(200);
    assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
    let policy = page.header("Content-Security-Policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'"), "nothing but what is named may be loaded: {policy}");
    for (part, kind) in
        [("style.css", "text/css"), ("model.js", "text/javascript"), ("draw.js", "text/javascript")]
    {
        assert!(page.text().contains(&format!("\"dashboard/{part}\"")), "the page should use {part}");
        let part = client.get(&format!("/dashboard/{part}")).expect(200);
        assert!(part.header("Content-Type").is_some_and(|found| found.starts_with(kind)), "{part:?}");
        assert_eq!(
            part.header("Cache-Control"),
            Some("no-store"),
            "an old part beside a new page is a riddle"
        );
    }
}

#[test]
fn what_the_page_needs_to_draw_a_bar_is_in_the_stats() {
    let stats = start(&Site::new()).get("/stats").expect(200).json();
    assert_eq!(stats["capacity"]["threads_per_worker"], 2, "{stats}");
    assert_eq!(stats["capacity"]["queue_size"], 100, "{stats}");
}

#[test]
fn a_browser_sees_load_deaths_overload_a_roll_and_an_absence() {
    let herd = PROGRAM.name == "herd";
    let workers = if herd { "2" } else { ONE[1] };
    let site = Site::new().file("large.bin", pattern(1 << 18));
    let server = PROGRAM
        .launch()
        .site(&site)
        .flags(&[
            "--num-workers",
            workers,
            "--threads-per-worker",
            "1",
            "--queue-size",
            "2",
            "--hand-off",
            "always",
        ])
        .start();
    let master = if herd { server.pid().to_string() } else { String::new() };
    expect_success(e2e::browse(&["dashboard.mjs", &server.address().to_string(), workers, &master]));
}

#[test]
fn what_the_page_concludes_follows_from_the_numbers() {
    expect_success(e2e::browse(&["--test", "dashboard.test.mjs"]));
}

#[track_caller]
fn expect_success(output: Option<Output>) {
    if let Some(output) = output {
        let said = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat();
        assert!(output.status.success(), "{said}");
    }
}
