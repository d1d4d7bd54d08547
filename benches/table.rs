//! What a million rows cost: importing them from a file, and searching them beside a thousand rows.
//!
//! `cargo bench --bench table` writes the files, imports them through the operation, with the commit, and searches through
//! it; it prints medians, and how much memory the process had at most. Figures are of this machine and this minute.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement stops where it cannot measure, and is printed"
)]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use flowgate::app::App;
use flowgate::app::clock::Clock;
use flowgate::auth::{self, Caller};
use flowgate::config::Config;
use flowgate::model::time::Timestamp;
use flowgate::operation::execute;
use flowgate::operation::table::export::{ExportRows, Writing};
use flowgate::operation::table::import::{ImportRows, Reading};
use flowgate::operation::table::search::{Query, SearchRows};
use flowgate::operation::table::{AddTable, NewColumn};
use flowgate::store::{Options, Store, account};
use serde_json::{Value, json};

/// What the program allocates with as well.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rows of the tables.
const SIZES: [i64; 2] = [1_000, 1_000_000];
/// Times each search is run, after one that warms the cache.
const RUNS: usize = 21;
/// The same of searches that take longer than a tenth of a second.
const FEW: usize = 5;

fn main() {
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    let directory = tempfile::tempdir_in(parent).expect("a folder");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut config = Config::for_testing();
    config.store.directory = directory.path().to_owned();
    let store = Store::open(directory.path(), &Options::default()).expect("a store");
    let app = App::new(config, store, Clock::system());
    runtime
        .block_on(app.store.administer(|tx| account::insert_customer(tx, "Measured", b"key", Timestamp(0))))
        .expect("a customer");
    let caller = auth::operator(app.store.peek(|tx| account::find_customer(tx, "Measured")).expect("a read"));
    println!(
        "| rows | file | checked in | imported in | rows/s | most memory | exported in |\n|---|---|---|---|---|---|---|"
    );
    for size in SIZES {
        runtime.block_on(fill(&app, &caller, directory.path(), size));
    }
    println!("\n| search | found of a thousand | ms | found of a million | ms | ratio |\n|---|---|---|---|---|---|");
    for (name, query) in searches() {
        let [few, many] = SIZES.map(|size| runtime.block_on(search(&app, &caller, size, &query)));
        println!("| {name} | {} | {:.2} | {} | {:.2} | {:.1} |", few.0, few.1, many.0, many.1, many.1 / few.1);
    }
}

fn table(size: i64) -> String {
    format!("t{size}")
}

/// Writes a file, imports it and exports it again.
async fn fill(app: &App, caller: &Caller, directory: &Path, size: i64) {
    let column = |name: &str, kind: &str, unique: bool, indexed: bool| NewColumn {
        name: name.to_owned(),
        kind: kind.to_owned(),
        required: false,
        unique,
        indexed,
        default: None,
    };
    let columns = vec![
        column("code", "text", true, false),
        column("number", "integer", false, true),
        column("group", "integer", false, true),
        column("plain", "integer", false, false),
        column("text", "text", false, false),
    ];
    execute(app, caller, AddTable { name: table(size), description: String::new(), columns }).await.expect("a table");
    let path = directory.join(format!("{size}.csv"));
    let mut file = BufWriter::new(File::create_new(&path).expect("a file"));
    writeln!(file, "code,number,group,plain,text").expect("a line");
    for row in 0..size {
        // Spread over the table, so that neighbours in an index are none on the disk.
        let number = row * 7_919 % size;
        writeln!(file, "code {number},{number},{},{number},some words about row {row}", number % 10).expect("a line");
    }
    file.flush().expect("a file");
    let bytes = file.get_ref().metadata().expect("a file").len();
    let mut times = Vec::new();
    for is_dry in [true, false] {
        let source = Box::new(BufReader::new(File::open(&path).expect("a file")));
        let begun = Instant::now();
        let reading = Reading { is_dry, ..Reading::default() };
        let operation = ImportRows { table: table(size), source, reading, told: Box::new(|_| {}) };
        let imported = execute(app, caller, operation).await.expect("an import");
        times.push(begun.elapsed().as_secs_f64());
        assert_eq!((imported.rows, imported.flawed, imported.is_done), (size.unsigned_abs(), 0, !is_dry));
    }
    let begun = Instant::now();
    let writing = Writing { delimiter: b',', has_header: true, is_neutral: true };
    let (mut after, mut rows) = (None, 0);
    loop {
        let exported = execute(app, caller, ExportRows { table: table(size), after, writing }).await.expect("rows");
        rows += exported.rows;
        match exported.last {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    assert_eq!(rows, size.unsigned_abs());
    let exported = begun.elapsed().as_secs_f64();
    let [dry, real] = times[..] else { return };
    #[expect(clippy::cast_precision_loss, reason = "they are few enough")]
    let (megabytes, rate) = (bytes as f64 / 1e6, size as f64 / real);
    println!(
        "| {size} | {megabytes:.1} MB | {dry:.2} s | {real:.2} s | {rate:.0} | {} MiB | {exported:.2} s |",
        peak().unwrap_or_default() / 1_024
    );
}

/// How much memory the process has had at most, in KiB.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn searches() -> Vec<(&'static str, Query)> {
    let rule = |field: &str, operator: &str, value: Value| {
        Some(json!({"rules": [{"field": field, "operator": operator, "value": value}]}))
    };
    let query = |filter, limit, order: Option<&str>| Query {
        filter,
        limit: Some(limit),
        order_field: order.map(str::to_owned),
        ..Query::default()
    };
    let both = json!({"rules": [
        {"field": "number", "operator": "between", "value": [500, 599]}, {"field": "text", "operator": "contains", "value": "row 1"},
    ]});
    vec![
        ("unique text `=`", query(rule("code", "=", json!("code 500")), 100, None)),
        ("unique text `begins_with`", query(rule("code", "begins_with", json!("CODE 50")), 100, Some("code"))),
        ("indexed number `=`", query(rule("number", "=", json!(500)), 100, None)),
        (
            "indexed number `between`, a hundred rows",
            query(rule("number", "between", json!([500, 599])), 100, Some("number")),
        ),
        ("the same and an unindexed `contains`", query(Some(both), 100, None)),
        (
            "indexed number `in`, ten",
            query(rule("number", "in", json!([1, 20, 30, 40, 50, 600, 700, 800, 900, 999])), 100, None),
        ),
        ("ordered by an indexed column, first 10, counted", query(None, 10, Some("number"))),
        ("indexed number `>`, half of the rows, counted", query(rule("number", ">", json!(499)), 10, Some("number"))),
        ("a tenth of the rows by an index, by `id`, counted", query(rule("group", "=", json!(3)), 10, None)),
        ("unindexed number `=`", query(rule("plain", "=", json!(500)), 100, None)),
        ("unindexed text `contains`", query(rule("text", "contains", json!("row 77")), 100, None)),
        ("ordered by an unindexed column, first 10", query(None, 10, Some("plain"))),
    ]
}

/// How many rows there are in all, and what it took, in milliseconds.
async fn search(app: &App, caller: &Caller, size: i64, query: &Query) -> (i64, f64) {
    let (mut found, mut times) = (0, Vec::new());
    for run in 0..=RUNS {
        let operation = SearchRows { table: table(size), query: query.clone() };
        let begun = Instant::now();
        found = execute(app, caller, operation).await.expect("a search").total;
        let taken = begun.elapsed().as_secs_f64() * 1e3;
        if run > 0 {
            times.push(taken);
        }
        if taken > 100.0 && run >= FEW {
            break;
        }
    }
    times.sort_by(f64::total_cmp);
    (found, times.get(times.len() / 2).copied().unwrap_or_default())
}
