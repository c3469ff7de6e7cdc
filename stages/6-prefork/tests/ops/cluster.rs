//! The container of the manifest, as a node would start it: with its user and rights, on its port, and in the
//! environment that a cluster provides. (Without a kubelet or an image: only the environment is taken from the
//! Dockerfile.)

use super::container::{exec_form, instructions};
use super::{Daemon, PROGRAM, ops, replaced, run, text};
use e2e::{Json, eventually};
use std::fs;
use std::path::Path;
use std::process::Command;
use verdict::test;

/// The documents of the manifest.
fn manifest() -> Option<Vec<Json>> {
    let program = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    let output = run("python3", &["-c", program, &ops("kubernetes.yaml").to_string_lossy()])?;
    if !output.status.success() {
        e2e::skip("python3 has no yaml");
        return None;
    }
    let documents: Json = String::from_utf8_lossy(&output.stdout).parse().expect("JSON");
    documents.as_array().cloned()
}

/// The variables that every pod in the namespace of a Service gets (Kubernetes, "Discovering services").
fn service_links(service: &Json) -> Vec<(String, String)> {
    let name = service["metadata"]["name"].as_str().expect("a name").to_uppercase().replace('-', "_");
    let port = &service["spec"]["ports"][0]["port"];
    let (host, link) = ("10.0.0.1", format!("tcp://10.0.0.1:{port}"));
    [
        ("SERVICE_HOST", host.to_owned()),
        ("SERVICE_PORT", port.to_string()),
        ("SERVICE_PORT_HTTP", port.to_string()),
        ("PORT", link.clone()),
        (&format!("PORT_{port}_TCP"), link),
        (&format!("PORT_{port}_TCP_PROTO"), "tcp".to_owned()),
        (&format!("PORT_{port}_TCP_PORT"), port.to_string()),
        (&format!("PORT_{port}_TCP_ADDR"), host.to_owned()),
    ]
    .map(|(suffix, value)| (format!("{name}_{suffix}"), value))
    .to_vec()
}

/// The environment of the container. Later ones override earlier ones: image, cluster, manifest.
fn environment(documents: &[Json], pod: &Json) -> Vec<(String, String)> {
    let file = text("Dockerfile");
    let image = instructions(&file, "ENV").into_iter().flat_map(str::split_whitespace);
    let mut variables: Vec<(String, String)> = image
        .map(|setting| setting.split_once('=').expect("NAME=value"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    if pod["enableServiceLinks"] != Json::Bool(false) {
        let services = documents.iter().filter(|document| document["kind"] == "Service");
        variables.extend(services.flat_map(service_links));
    }
    variables.extend([
        ("KUBERNETES_SERVICE_HOST".into(), "10.0.0.1".into()),
        ("HOSTNAME".into(), "herd-0".into()),
    ]);
    for setting in pod["containers"][0]["env"].as_array().expect("variables") {
        let [name, value] = ["name", "value"].map(|key| setting[key].as_str().expect("a word").to_owned());
        variables.push((name, value));
    }
    variables
}

/// What a node does for the security contexts of pod and container: it sets the user of the process, and what it may
/// do.
fn confined(pod: &Json, program: &[String]) -> String {
    let (context, user) = (&pod["containers"][0]["securityContext"], &pod["securityContext"]["runAsUser"]);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(context["allowPrivilegeEscalation"], false);
    assert_eq!(context["capabilities"]["drop"][0], "ALL");
    assert_eq!(context["readOnlyRootFilesystem"], true);
    format!(
        "exec setpriv --reuid {user} --regid {user} --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all {}",
        program.join(" ")
    )
}

#[test]
fn the_container_of_the_manifest_serves_and_stops_as_a_node_would_have_it() {
    let Some(documents) = manifest() else { return };
    let pod = &documents[0]["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert!(
        container["command"].is_null() && container["args"].is_null(),
        "the image's ENTRYPOINT is started"
    );
    let entry = exec_form(instructions(&text("Dockerfile"), "ENTRYPOINT")[0]);
    let folder = tempfile::tempdir().expect("a folder");
    let mut steps = vec![
        // The program of the image, its site, and a read-only file system.
        "mount -t tmpfs tmpfs /srv && mkdir -p /srv/bin /srv/www && echo hello >/srv/www/index.html"
            .to_owned(),
        format!("cp {} /srv/bin/herd", PROGRAM.path),
        "for at in /srv /; do mount -o remount,bind,ro $at; done".to_owned(),
        "busybox ip link set lo up".to_owned(),
    ];
    let exports = environment(&documents, pod);
    steps.extend(exports.iter().map(|(name, value)| format!("export {name}='{value}'")));
    steps.push(confined(pod, &entry).replace("/bin/herd", "/srv/bin/herd"));
    let script = folder.path().join("script");
    fs::write(&script, steps.join("\n")).expect("a file");

    let arguments = ["--net", "--mount", "--propagation", "private", "sh", "-eu", &script.to_string_lossy()];
    let Some(mut herd) = Daemon::spawn(folder.path().join("log"), "unshare", &arguments) else { return };
    let inside = ["--target", &herd.child.id().to_string(), "--net"].map(str::to_owned);
    let asks = |path: &str, port: &Json| {
        let url = format!("http://127.0.0.1:{port}{path}");
        let output =
            Command::new("nsenter").args(&inside).args(["curl", "-sf", &url]).output().expect("nsenter");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let port = &container["ports"][0]["containerPort"];
    let mut skipped = false;
    eventually("the container serves", || {
        let ended = herd.child.try_wait().expect("a child");
        skipped = ended.is_some() && herd.log().contains("Operation not permitted");
        assert!(ended.is_none() || skipped, "it ended with {ended:?}: {}", herd.log());
        skipped || asks("/", port).is_some()
    });
    if skipped {
        return e2e::skip("no container can be made here");
    }
    assert_eq!(asks("/", port).as_deref(), Some("hello\n"));
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        let request = &container[probe]["httpGet"];
        assert_eq!(request["port"], container["ports"][0]["name"], "{probe}");
        assert!(asks(request["path"].as_str().expect("a path"), port).is_some(), "{probe} should succeed");
    }
    let status = fs::read_to_string(Path::new("/proc").join(herd.child.id().to_string()).join("status"));
    let status = status.expect("a process");
    for line in ["Uid:\t65532\t65532\t65532\t65532", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1"] {
        assert!(status.contains(line), "{line}: {status}");
    }

    // preStop is over.
    let pid = e2e::Pid::from_raw(herd.child.id().cast_signed());
    e2e::kill(pid, e2e::Signal::SIGTERM).expect("a process");
    assert_eq!(herd.child.wait().expect("a child").code(), Some(0), "{}", herd.log());
}

/// Checks what the comments of the manifest say about its numbers.
#[test]
fn a_pod_that_is_deleted_has_the_time_that_herd_takes() {
    let Some(documents) = manifest() else { return };
    let pod = &documents[0]["spec"]["template"]["spec"];
    let sleep = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().expect("seconds");
    let all = pod["terminationGracePeriodSeconds"].as_u64().expect("seconds");
    let grace = stage6_prefork::worker::GRACE.as_secs();
    assert!(sleep + grace < all, "{sleep} s of preStop and {grace} s of herd should be less than {all} s");
    // As in the unit for systemd.
    let unit = replaced(&text("herd.service"), "TimeoutStopSec=", "\nTimeoutStopSec ");
    let stop = unit.lines().find_map(|line| line.strip_prefix("TimeoutStopSec ")).expect("a limit");
    assert!(grace < stop.parse().expect("seconds"), "{grace} s of herd should be less than {stop} s");
}
