//! Checks of files that do not need a running program.

use super::{ops, passes, replaced, text};
use std::fs;
use std::process::Command;
use verdict::test;

#[test]
fn the_rules_do_what_their_tests_say() {
    passes("promtool", &["check", "config", &ops("prometheus.yml").to_string_lossy()]);
    passes("promtool", &["test", "rules", &ops("rules_test.yml").to_string_lossy()]);
}

#[test]
fn the_manifest_of_the_cluster_fits_the_published_schemas() {
    passes("kubernetes-validate", &["--strict", &ops("kubernetes.yaml").to_string_lossy()]);
}

/// As the manifest's comment and the book describe.
#[test]
fn the_manifest_with_a_port_for_monitoring_fits_the_published_schemas() {
    let mut text = text("kubernetes.yaml");
    for (old, new) in [
        (
            "value: \"2\"}",
            "value: \"2\"}\n            - {name: HERD_MONITORING_ADDRESS, value: \"0.0.0.0:9090\"}",
        ),
        (
            "containerPort: 8080}",
            "containerPort: 8080}\n            - {name: monitoring, containerPort: 9090}",
        ),
        ("path: /health, port: http}", "path: /health, port: monitoring}"),
        ("prometheus.io/port: \"8080\"", "prometheus.io/port: \"9090\""),
    ] {
        text = replaced(&text, old, new);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("kubernetes.yaml");
    fs::write(&file, text).expect("a file");
    passes("kubernetes-validate", &["--strict", &file.to_string_lossy()]);
}

#[test]
fn compose_fits_the_published_schema() {
    passes(
        "check-jsonschema",
        &["--builtin-schema", "vendor.compose-spec", &ops("compose.yml").to_string_lossy()],
    );
}

/// A dashboard as JSON: with the values of enumerations instead of their names, and with queries for Prometheus.
const TYPES: &str = "import type { Dashboard, DataQuery } from \"@grafana/schema\";
type Written<T> =
    T extends string ? `${T}`
    : T extends DataQuery ? T & { expr: string; legendFormat: string }
    : T extends object ? { [Key in keyof T]: Written<T[Key]> }
    : T;
";

/// Checks the dashboard against the type that Grafana publishes for authors.
#[test]
fn the_dashboard_fits_grafanas_own_type() {
    let modules = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/browser/node_modules");
    if !modules.join("@grafana/schema").exists() {
        return e2e::skip("@grafana/schema is not installed: npm ci --prefix tests/browser");
    }
    let check = |dashboard: &str| {
        // In a folder below the modules, where the compiler looks for them.
        let folder = tempfile::tempdir_in(&modules).expect("a folder");
        let source = folder.path().join("dashboard.ts");
        fs::write(&source, format!("{TYPES}export const dashboard: Written<Dashboard> = {dashboard};\n"))
            .expect("a file");
        let output = Command::new(modules.join(".bin/tsc"))
            .args(["--noEmit", "--strict", "--skipLibCheck", "--module", "preserve", "--target", "es2022"])
            .arg(&source)
            .output()
            .expect("tsc is installed beside it");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let dashboard = text("grafana/herd.json");
    let (fits, said) = check(&dashboard);
    assert!(fits, "{said}");
    for (good, bad) in [
        ("\"gridPos\"", "\"gridpos\""),
        ("\"schemaVersion\": 42", "\"schemaVersion\": \"42\""),
        ("\"mode\": \"absolute\"", "\"mode\": \"absolut\""),
    ] {
        let (fits, said) = check(&replaced(&dashboard, good, bad));
        assert!(!fits && said.contains("error TS"), "{bad} should not fit: {said}");
    }
}
