//! What reaches the disk when, as strace(1) sees it, and what becomes of a sync that fails.

use super::*;

/// Set for the process that is watched: where it commits, and how many files.
const VARIABLES: [&str; 2] = ["SENDALL_TEST_COMMIT_IN", "SENDALL_TEST_COMMIT_FILES"];

/// Not a test of its own: the process that the others watch.
#[test]
fn watched() {
    let [Some(root), Some(count)] = VARIABLES.map(std::env::var_os) else { return };
    let folder = Folder::open(Path::new(&root)).unwrap();
    let staging = StagingFolder::new(&folder).unwrap();
    let small = |number: usize| {
        let mut file = staging.create(0o644).unwrap();
        file.write_all(b"x").unwrap();
        StagedEntry::Small { path: format!("d/{number}").into(), file: file.finish(Meta::default()).unwrap() }
    };
    let part = StagedEntry::Part { part: Part::create(&folder, b"d/part").unwrap(), meta: Meta::default() };
    let count: usize = count.to_str().unwrap().parse().unwrap();
    let results = staging.commit((1..count).map(small).chain([part]).collect(), false);
    println!("arrived: {}", results.iter().filter(|result| result.is_ok()).count());
    let later = staging.commit(vec![small(0)], false);
    println!("later: {}", later.iter().filter(|result| result.is_ok()).count());
}

/// Whether each call of interest was a sync or gave a name, in order; what was said; what is in place.
struct Seen {
    calls: Vec<&'static str>,
    said: String,
    in_place: usize,
}

fn watch(count: usize, inject: Option<&str>) -> Option<Seen> {
    let scene = scene();
    let log = scene.root.path().join("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-e", "trace=fsync,syncfs,renameat,renameat2,linkat", "-o"]).arg(&log);
    if let Some(inject) = inject {
        strace.args(["-e", &format!("inject={inject}")]);
    }
    strace.arg(std::env::current_exe().unwrap());
    strace.args(["--exact", "store::tests::order::watched", "--nocapture", "--test-threads=1"]);
    strace.env(VARIABLES[0], scene.inside("")).env(VARIABLES[1], count.to_string());
    let output = match strace.output() {
        Ok(output) if output.status.success() => output,
        other => {
            println!("skipped: strace says {other:?}");
            return None;
        }
    };
    let sort = |line: &str| match line {
        _ if line.contains("sync") => Some("sync"),
        _ if line.contains("rename") || line.contains("linkat") => Some("name"),
        _ => None,
    };
    let calls = fs::read_to_string(log).unwrap().lines().filter_map(sort).collect();
    let in_place = fs::read_dir(scene.inside("d")).map_or(0, Iterator::count);
    assert!(scene.names().iter().all(|name| name == "d"), "{:?}", scene.names());
    Some(Seen { calls, said: String::from_utf8_lossy(&output.stdout).into_owned(), in_place })
}

#[test]
fn content_then_names_then_folders() {
    for count in [3, 20] {
        let Some(seen) = watch(count, None) else { return };
        assert!(seen.said.contains(&format!("arrived: {count}")), "{}", seen.said);
        assert!(seen.said.contains("later: 1"), "{}", seen.said);
        assert_eq!(seen.in_place, count + 1);
        let mut phases = seen.calls.clone();
        phases.dedup();
        assert_eq!(phases, ["sync", "name", "sync", "name", "sync"], "{:?}", seen.calls);
        assert_eq!(seen.calls.iter().filter(|call| **call == "name").count(), count + 1);
    }
}

#[test]
fn after_a_failed_sync_of_content_there_are_no_names_and_no_second_try() {
    for count in [3, 20] {
        let Some(seen) = watch(count, Some("fsync,syncfs:error=EIO:when=1")) else { return };
        assert!(seen.said.contains("arrived: 0") && seen.said.contains("later: 0"), "{}", seen.said);
        assert_eq!(seen.calls, ["sync"]);
        assert_eq!(seen.in_place, 0);
    }
}

#[test]
fn after_a_failed_sync_of_a_folder_nothing_is_acknowledged() {
    // Three files, then the folder and the one above it.
    for failing in [4, 5] {
        let Some(seen) = watch(3, Some(&format!("fsync:error=EIO:when={failing}"))) else { return };
        assert!(seen.said.contains("arrived: 0") && seen.said.contains("later: 0"), "{}", seen.said);
        assert_eq!(seen.calls.len(), 3 + failing);
    }
}
