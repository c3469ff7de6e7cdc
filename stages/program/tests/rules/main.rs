//! The rules of the settings and of the logs, without a network.

use proptest::test_runner::Config;

mod access_log;
mod log_file;
mod proxies;
mod settings;
mod settings_file;

/// A failing property prints its smallest input, and leaves no file beside the tests.
fn properties() -> Config {
    Config { failure_persistence: None, ..Config::default() }
}
