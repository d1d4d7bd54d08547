//! What needs a process of its own: killing it, locking it out, another umask, a limit on its files.
//! The test binary starts itself; the child's one test does what its standard input says.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use flowgate::model::account::CustomerId;
use flowgate::model::flow::FlowId;
use flowgate::store::{Options, Store, account};

use super::{LATER, insert_record, open};

/// A running child.
pub(super) struct Process {
    child: Child,
    orders: Option<ChildStdin>,
    lines: BufReader<ChildStdout>,
}

/// What precedes a line that the child means for its parent; the test harness prints too.
const MARK: &str = "child: ";

impl Process {
    /// Starts a child that does the work on the directory; the shell prepares what no safe function can.
    pub(super) fn start(shell: &str, work: &str, directory: &Path) -> Process {
        let mut child = Command::new("sh")
            .args(["-c", &format!("{shell}\nexec \"$0\" \"$@\"")])
            .arg(std::env::current_exe().expect("the test binary"))
            .args(["--exact", "store::process::child", "--ignored", "--nocapture"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        let mut orders = child.stdin.take().expect("its input");
        writeln!(orders, "{work}\n{}", directory.display()).expect("orders");
        let lines = BufReader::new(child.stdout.take().expect("its output"));
        Process { child, orders: Some(orders), lines }
    }

    /// The next thing the child says; `None` once it has ended.
    pub(super) fn hear(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).expect("its output") == 0 {
                return None;
            }
            // The harness does not end its own line before the test begins.
            if let Some((_, said)) = line.split_once(MARK) {
                return Some(said.trim_end().to_owned());
            }
        }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Lets the child end by itself.
    pub(super) fn finish(mut self) {
        self.orders.take();
        while self.hear().is_some() {}
        assert!(self.child.wait().expect("its end").success());
    }

    /// SIGKILL; gives what the child had said by then.
    pub(super) fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("a signal");
        let said = std::iter::from_fn(|| self.hear()).collect();
        self.child.wait().expect("its end");
        said
    }
}

fn say(text: &str) {
    // Not `println`, which the harness may keep to itself.
    let mut output = std::io::stdout().lock();
    writeln!(output, "\n{MARK}{text}").and_then(|()| output.flush()).expect("a parent");
}

#[tokio::test]
#[ignore = "runs in a process of its own, started by the other tests"]
async fn child() {
    let mut orders = std::io::stdin().lines();
    let (Some(Ok(work)), Some(Ok(directory))) = (orders.next(), orders.next()) else { return };
    let directory = Path::new(&directory);
    match work.as_str() {
        "hold" => {
            let store = open(directory).expect("the store");
            store.prove_writable().await.expect("a write");
            say("open");
            // Until the parent closes its end.
            assert!(orders.next().is_none());
        }
        "administer" => {
            let store = Store::attach(directory, &Options::default()).expect("the store");
            let work = store.administer(|tx| account::update_api_key(tx, CustomerId(1), b"from outside", LATER));
            work.await.expect("a new key");
            say("done");
        }
        "write until killed" => {
            let store = open(directory).expect("the store");
            let mut writers = tokio::task::JoinSet::new();
            for writer in 0..8 {
                writers.spawn(write_endlessly(store.clone(), writer));
            }
            writers.join_next().await;
        }
        "write until full" => write_until_full(directory).await,
        other => panic!("unknown orders: {other}"),
    }
}

async fn write_endlessly(store: Store, writer: u64) {
    for number in 0_u64.. {
        let uuid = format!("{writer}-{number}");
        insert_record(&store, CustomerId(1), FlowId(1), uuid.clone()).await.expect("a record");
        say(&uuid);
    }
}

async fn write_until_full(directory: &Path) {
    let store = open(directory).expect("the store");
    let mut number = 0;
    let error = loop {
        match insert_record(&store, CustomerId(1), FlowId(1), format!("r-{number}")).await {
            Ok(_) => number += 1,
            Err(error) => break error,
        }
    };
    say(&format!("{:?}: {}", error.code(), error.message()));
    let again = insert_record(&store, CustomerId(1), FlowId(1), format!("r-{number}")).await;
    let again = again.err().map(|error| error.code());
    say(&format!("{again:?}"));
    let customers = store.peek(|tx| account::list_customers(tx)).expect("a read");
    say(&format!("{} customers", customers.len()));
    say(&number.to_string());
}
