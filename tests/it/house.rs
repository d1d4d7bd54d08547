//! The house rules of `docs/ARCHITECTURE.md`, checked against the source text: which room uses which, and where each
//! library may be used. Comments and the unit tests at a file's foot are not looked at.

use std::fs;
use std::path::Path;

/// The floors from the ground up; a room uses only what is named beside it, all of it on lower floors.
const FLOORS: &[(u8, &str, &str)] = &[
    (0, "error", ""),
    (0, "model", ""),
    (0, "config", "error model"),
    (1, "delimited", ""),
    (1, "expression", "error"),
    (1, "xml", ""),
    (1, "soap", "error xml"),
    (1, "store", "error model"),
    (1, "outbound", "config error model"),
    (1, "telemetry", "config error model"),
    (2, "diagram", "error expression model"),
    (2, "app", "config diagram error model outbound store telemetry"),
    (2, "auth", "app error model store"),
    (3, "operation", "app auth delimited diagram error model store"),
    (4, "engine", "app auth diagram error expression model operation outbound soap store telemetry xml"),
    (4, "facade/body", "app error"),
    (4, "facade/compress", ""),
    (4, "facade/payload", "error operation soap xml"),
    (4, "facade/request", "app auth config error model telemetry"),
    (4, "facade/resource", "app model operation"),
    (4, "facade/tree", "error operation xml"),
    (
        5,
        "facade/hub",
        "app auth error facade/body facade/compress facade/payload facade/request model operation telemetry",
    ),
    (5, "facade/meta", "app facade/compress facade/request telemetry"),
    (5, "facade/oauth", "app auth error facade/body facade/request model operation telemetry"),
    (
        5,
        "facade/soap",
        "app auth error facade/body facade/compress facade/payload facade/request facade/resource model operation soap telemetry xml",
    ),
    (
        5,
        "facade/v1",
        "app auth error facade/body facade/compress facade/payload facade/request facade/resource facade/tree model operation soap telemetry xml",
    ),
    (
        6,
        "server",
        "app config error facade/hub facade/meta facade/oauth facade/request facade/soap facade/v1 telemetry",
    ),
    (6, "cli", "app auth config engine error facade/soap model operation outbound server soap store telemetry"),
    (6, "main", "cli"),
];

/// What may be used on the same floor: the only exceptions.
const NEIGHBOURS: &[(&str, &str)] = &[
    ("config", "error"),
    ("config", "model"),
    ("soap", "xml"),
    ("app", "diagram"),
    ("auth", "app"),
    ("cli", "server"),
    ("main", "cli"),
];

/// Where each library and each door to the outside world may be used.
const CRATES: &[(&str, &str)] = &[
    ("actix_http", "server"),
    ("actix_server", "server"),
    ("actix_service", "server"),
    (
        "actix_web",
        "facade/body facade/compress facade/hub facade/meta facade/oauth facade/payload facade/request facade/soap facade/v1 server",
    ),
    ("anyhow", "cli"),
    ("askama", "facade/soap/page"),
    (
        "base64",
        "app/signature app/vault/keyring cli/demo engine facade/payload facade/request facade/resource facade/soap facade/tree soap/encoded",
    ),
    ("clap", "cli"),
    ("cronexpr", "diagram/schedule"),
    ("csv", "delimited"),
    ("encoding_rs", "xml/text"),
    ("env_logger", "telemetry"),
    ("fail", "engine main"),
    ("flate2", "facade/body facade/compress outbound/answer"),
    ("form_urlencoded", "engine facade/hub facade/payload facade/v1"),
    ("futures_util", "engine facade/body facade/hub/serve facade/soap/endpoint facade/v1 server"),
    ("getrandom", "auth/key"),
    ("http_body_util", "outbound"),
    ("hyper", "outbound"),
    ("hyper_rustls", "outbound/connect"),
    ("hyper_util", "outbound"),
    ("indicatif", "cli/backup cli/records cli/table"),
    ("ipnet", "model/address"),
    ("jiff", "model/time"),
    ("jlens_core", "expression/engine expression/guard expression/meter expression/wrap"),
    ("jsonschema", "app/rules"),
    (
        "log",
        "cli config/log engine facade/hub facade/meta facade/oauth facade/soap facade/v1 operation outbound/trust server store telemetry",
    ),
    ("mimalloc", "main"),
    ("percent_encoding", "app/rules facade/oauth facade/v1 soap/media"),
    ("prometheus_client", "telemetry/metrics"),
    ("quick_xml", "xml"),
    ("ring", "app/signature app/vault/keyring"),
    ("rusqlite", "store/sqlite"),
    ("rustix", "server store/directory telemetry/process"),
    ("rustls", "outbound"),
    ("rustls_native_certs", "outbound/trust"),
    ("serde", "cli/demo config diagram engine facade/v1 model operation operation/json"),
    (
        "serde_json",
        "app/blueprint app/fields app/rules cli diagram engine expression facade/hub facade/meta facade/oauth facade/payload facade/resource facade/soap facade/tree facade/v1 model/filter model/http model/webhook operation soap/partner telemetry",
    ),
    ("sha2", "auth/key facade/soap/page operation/internal operation/record operation/repeat operation/revision"),
    ("stacker", "expression/engine"),
    ("subtle", "auth/key"),
    (
        "tokio",
        "app/bodies app/depth app/waiters auth/limit cli/session engine facade/body outbound server store telemetry/context",
    ),
    ("toml", "config"),
    ("tower_service", "outbound"),
    ("url", "outbound/request"),
    ("utoipa", "facade/v1"),
    ("utoipa_swagger_ui", "facade/v1/explorer"),
    ("uuid", "engine facade/request operation"),
    ("yaml_serde", "facade/v1/explorer"),
    ("yaserde", "soap/wsdl"),
    ("zeroize", "app/secret app/signature app/vault operation/secret"),
];

const DOORS: &[(&str, &str)] = &[
    ("std::env", "config"),
    (
        "Instant::now",
        "engine facade/request operation server/connection store/condition store/writer telemetry/metrics",
    ),
    ("SystemTime::now", "app/clock"),
    ("std::fs", "app/vault cli config outbound/trust store telemetry/process"),
    ("std::process", "cli engine main store"),
    ("std::thread", "engine server store telemetry"),
    ("TcpListener", "server"),
];

/// A file: its module (`store/sqlite`), all its text, and its code: the text without comments and unit tests.
struct Source {
    path: String,
    module: String,
    text: String,
    code: String,
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path)
}

fn sources(directory: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)).expect(directory) {
        let entry = entry.expect("an entry");
        let path = format!("{directory}/{}", entry.file_name().to_str().expect("a name"));
        if entry.path().is_dir() {
            sources.extend(self::sources(&path));
        } else if let Some((_, module)) = path.strip_suffix(".rs").and_then(|path| path.split_once('/')) {
            let text = read(&path);
            let tested = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
            let code = tested.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line });
            let code = code.map(|line| line.split(" // ").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
            sources.push(Source { module: module.to_owned(), text, code, path });
        }
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    sources
}

fn is_word(part: char) -> bool {
    part.is_alphanumeric() || part == '_'
}

/// The name that a path begins with, or the names if it begins with a group.
fn names(path: &str) -> Vec<&str> {
    let group = path.strip_prefix('{').and_then(|path| path.split('}').next()).unwrap_or(path);
    let several = if group == path { 1 } else { usize::MAX };
    let names = group.split(',').map(|path| path.trim().split(|part| !is_word(part)).next().unwrap_or_default());
    names.filter(|name| !name.is_empty()).take(several).collect()
}

impl Source {
    /// Each place where the code has a whole name, and the code after it.
    fn places<'s>(&'s self, name: &'s str) -> impl Iterator<Item = (usize, &'s str)> {
        let places = self.code.match_indices(name).map(|(at, _)| (at, &self.code[at + name.len()..]));
        places.filter(|(at, rest)| !self.code[..*at].ends_with(is_word) && !rest.starts_with(is_word))
    }

    /// Where the code first goes through a door, or names a path that begins with a library.
    fn first_use(&self, name: &str) -> Option<usize> {
        let is_library = CRATES.iter().any(|(library, _)| *library == name);
        // A module of the same name hides the library from the file that declares it.
        if is_library && self.text.contains(&format!("mod {name};")) {
            return None;
        }
        let begins = |at: usize, rest: &str| match self.code[..at].ends_with("use ") {
            true => true,
            false => rest.starts_with("::") && !self.code[..at].ends_with(':'),
        };
        let grouped = name.strip_prefix("std::").and_then(|door| {
            self.places("std").find(|(_, rest)| rest.starts_with("::{") && names(&rest[2..]).contains(&door))
        });
        self.places(name).find(|(at, rest)| !is_library || begins(*at, rest)).or(grouped).map(|(at, _)| at)
    }

    /// The rooms of this crate that the code uses, and where.
    fn uses(&self) -> Vec<(usize, String)> {
        let this = if self.module == "main" { "flowgate" } else { "crate" };
        let paths = self.places(this).filter_map(|(at, rest)| Some((at, rest.strip_prefix("::")?)));
        let rooms = |path: &str| match path.strip_prefix("facade::") {
            Some(path) => names(path).iter().map(|dialect| format!("facade/{dialect}")).collect::<Vec<_>>(),
            None => names(path).into_iter().map(str::to_owned).collect(),
        };
        paths.flat_map(|(at, path)| rooms(path).into_iter().map(move |room| (at, room))).collect()
    }

    /// The part of `src/` at the top, save that everything in `facade` is a room of its own.
    fn room(&self) -> String {
        let depth = if self.module.starts_with("facade/") { 2 } else { 1 };
        self.module.split('/').take(depth).collect::<Vec<_>>().join("/")
    }

    fn is_in(&self, rooms: &str) -> bool {
        rooms.split(' ').any(|room| self.module == room || self.module.starts_with(&format!("{room}/")))
    }

    fn at(&self, position: usize) -> String {
        format!("{}:{}", self.path, self.code[..position].matches('\n').count() + 1)
    }
}

fn assert_none(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule} (docs/ARCHITECTURE.md):\n  {}", broken.join("\n  "));
}

#[test]
fn rooms_use_only_what_their_floor_allows() {
    let (mut broken, mut used) = (Vec::new(), Vec::new());
    for source in sources("src") {
        let room = source.room();
        let row = FLOORS.iter().find(|(_, name, _)| *name == room).map_or("", |(_, _, uses)| *uses);
        for (at, other) in source.uses().into_iter().filter(|(_, other)| *other != room) {
            if !row.split(' ').any(|name| name == other) {
                broken.push(format!("{}: {room} may not use {other}", source.at(at)));
            }
            used.push((room.clone(), other));
        }
        // What `super` reaches from a room's own file is outside the room.
        let outside = source.places("super").filter(|_| source.module == room);
        broken.extend(outside.map(|(at, _)| format!("{}: {room} reaches out by super", source.at(at))));
    }
    for (floor, room, row) in FLOORS {
        for other in row.split(' ').filter(|other| !other.is_empty()) {
            let is_below = FLOORS.iter().any(|(lower, name, _)| *name == other && lower < floor);
            if !is_below && !NEIGHBOURS.contains(&(*room, other)) {
                broken.push(format!("the table itself: {other} is not on a floor below {room}"));
            }
            if !used.contains(&((*room).to_owned(), other.to_owned())) {
                broken.push(format!("the table itself: {room} does not use {other} any more"));
            }
        }
    }
    assert_none("A room uses only rooms that its floor allows", &broken);
}

#[test]
fn libraries_stay_in_their_rooms() {
    let (sources, mut broken) = (sources("src"), Vec::new());
    for (name, rooms) in CRATES.iter().chain(DOORS) {
        let users: Vec<_> = sources.iter().filter_map(|source| Some((source, source.first_use(name)?))).collect();
        for (source, at) in users.iter().filter(|(source, _)| !source.is_in(rooms)) {
            broken.push(format!("{}: {name} is used outside of {rooms}", source.at(*at)));
        }
        for room in rooms.split(' ').filter(|room| !users.iter().any(|(source, _)| source.is_in(room))) {
            broken.push(format!("the table itself: {room} does not use {name} any more"));
        }
    }
    assert_none("A library is used only in its rooms", &broken);
}

#[test]
fn every_dependency_has_a_room() {
    let manifest = read("Cargo.toml");
    let section = manifest.split("[dependencies]\n").nth(1).and_then(|rest| rest.split("\n[").next()).expect("them");
    let lines = section.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" = "));
    let mut names: Vec<String> = lines.map(|(name, _)| name.replace('-', "_")).collect();
    names.sort();
    assert_eq!(
        names,
        CRATES.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>(),
        "Cargo.toml and the table"
    );
}

#[test]
fn the_tables_are_documented() {
    let document = read("docs/ARCHITECTURE.md");
    let quote =
        |names: &str| if names.is_empty() { "–".to_owned() } else { format!("`{}`", names.replace(' ', "`, `")) };
    let floors = FLOORS.iter().map(|(floor, room, row)| format!("| {floor} | `{room}` | {} |", quote(row)));
    let libraries = CRATES.iter().chain(DOORS).map(|(name, rooms)| format!("| `{name}` | {} |", quote(rooms)));
    let missing: Vec<_> = floors.chain(libraries).filter(|row| !document.lines().any(|line| line == row)).collect();
    assert_none("The document shows the tables as they are checked; these rows are missing", &missing);
}

#[test]
fn modules_are_introduced_and_nothing_is_left_unfinished_or_silenced() {
    const MARKS: [&str; 7] = ["#[allow(", "#![allow(", "todo!(", "unimplemented!(", "dbg!(", "TODO", "FIXME"];
    const NAMES: [&str; 5] = ["mod", "utils", "common", "helpers", "prelude"];
    let mut broken = Vec::new();
    for source in sources("src").into_iter().chain(sources("tests")) {
        if !source.text.starts_with("//! ") {
            broken.push(format!("{}:1: a module begins with '//!' and what it is for", source.path));
        }
        if source.module.rsplit('/').next().is_some_and(|name| NAMES.contains(&name)) {
            broken.push(format!("{}:1: a module is named after what it is", source.path));
        }
        // This file has to name what it looks for.
        for (number, line) in source.text.lines().enumerate().filter(|_| source.path != file!()) {
            let marks = MARKS.iter().filter(|mark| line.contains(**mark));
            broken.extend(marks.map(|mark| format!("{}:{}: {mark}", source.path, number + 1)));
        }
    }
    assert_none("Modules are introduced; lints are expected with a reason; nothing is left for later", &broken);
}

#[test]
fn statements_are_texts_of_the_store() {
    const VERBS: [&str; 4] = ["SELECT ", "INSERT ", "UPDATE ", "DELETE "];
    let mut broken = Vec::new();
    for source in sources("src") {
        let is_store = source.room() == "store";
        for (at, _) in source.code.match_indices("format!(").filter(|_| is_store) {
            let mut depth = 0;
            let is_end = |part: char| {
                depth += i32::from(part == '(') - i32::from(part == ')');
                part == ')' && depth == 0
            };
            let call = source.code[at..].split(is_end).next().unwrap_or_default();
            if VERBS.iter().any(|verb| call.contains(verb)) {
                broken.push(format!("{}: a statement is put together from parts", source.at(at)));
            }
        }
        let statements = VERBS.iter().flat_map(|verb| source.code.match_indices(verb));
        let foreign = statements.filter(|(at, _)| !is_store && source.code[..*at].ends_with('"'));
        broken.extend(foreign.map(|(at, _)| format!("{}: a statement outside of store", source.at(at))));
    }
    assert_none("SQL is fixed text, and only the store has any", &broken);
}
