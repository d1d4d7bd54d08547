//! Secrets of customers: sealed with a key that is not in the database, opened for their owner alone, told to nobody.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;

use flowgate::app::App;
use flowgate::app::clock::Clock;
use flowgate::auth::{self, Caller};
use flowgate::config::Config;
use flowgate::error::Code;
use flowgate::operation::execute;
use flowgate::operation::secret::{ListSecrets, RemoveSecret, RotateSecretKey, SetSecret};
use flowgate::store::{Options, Store, account, audit, secret};

use crate::auth::{Gateway, keys};
use crate::process::Place;
use crate::support::{NOW, wait};

const VALUE: &str = "hush-hush-4711";

/// Runs `secret set` with the value on standard input.
fn set(place: &Place, arguments: &str, value: &[u8]) -> Output {
    let mut command = place.command(&format!("secret set {arguments}"));
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command");
    // The command may refuse before it reads.
    let _ = child.stdin.take().expect("its input").write_all(value);
    child.wait_with_output().expect("its end")
}

fn set_well(place: &Place, arguments: &str, value: &[u8]) {
    let output = set(place, arguments, value);
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

fn with_shops() -> Place {
    let place = Place::new();
    place.succeed("customer add --name Shop");
    place.succeed("customer add --name Other");
    place
}

/// The gateway on a place's data, as commands see it.
fn attach(place: &Place) -> Arc<App> {
    let mut config = Config::for_testing();
    config.store.directory = place.path("data");
    let store = Store::attach(&config.store.directory, &Options::default()).expect("the store");
    Arc::new(App::new(config, store, Clock::fixed(NOW)))
}

fn operator(app: &App, name: &str) -> Caller {
    let customer = app.store.peek(|tx| account::find_customer(tx, name)).expect("the store");
    auth::operator(Some(customer.expect(name)))
}

/// The secret as a flow of that customer gets it.
fn opened(app: &App, customer: &str, name: &str) -> flowgate::error::Result<Option<String>> {
    let secrets = app.secrets(operator(app, customer).customer().id)?;
    Ok(secrets.open([name])?.get(name).map(str::to_owned))
}

/// What is wrong, with what only the operator hears.
fn told(error: &flowgate::error::Error) -> String {
    format!("{error}: {}", error.cause().map(ToString::to_string).unwrap_or_default())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

fn assert_nowhere(directory: &Path, value: &str) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            assert_nowhere(&path, value);
            continue;
        }
        let bytes = fs::read(&path).expect("a file");
        assert!(!bytes.windows(value.len()).any(|window| window == value.as_bytes()), "{}", path.display());
    }
}

#[test]
fn a_secret_is_set_listed_replaced_and_removed_and_never_shown() {
    let place = with_shops();
    let gateway = place.serve_after("export FLOWGATE__LOG__LEVEL=trace", "");
    let output = set(&place, "--customer Shop crm_token", format!("{VALUE}\n").as_bytes());
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && !String::from_utf8_lossy(&text).contains(VALUE));
    assert_eq!(mode(&place.path("data/secret.key")), 0o600);
    let listed = place.json("secret list --customer Shop");
    assert_eq!((listed[0]["name"].as_str(), listed.as_array().map(Vec::len)), (Some("crm_token"), Some(1)));
    assert_eq!(place.json("secret list --customer Other"), serde_json::json!([]));
    let app = attach(&place);
    assert_eq!(opened(&app, "Shop", "crm_token").expect("opened").as_deref(), Some(VALUE));
    assert_eq!(opened(&app, "Shop", "other").expect("opened"), None);
    assert_eq!(opened(&app, "Other", "crm_token").expect("opened"), None);

    fs::write(place.path("value"), "two\nlines\r\n").expect("a file");
    place.succeed("secret set --customer Shop crm_token --from-file value");
    place.succeed("backup copy.db");
    place.succeed("secret remove --customer Shop crm_token");
    assert!(place.fail("secret remove --customer Shop crm_token", 1).contains("There is no secret 'crm_token'"));
    assert_eq!(place.json("secret list --customer Shop"), serde_json::json!([]));

    fs::remove_file(place.path("value")).expect("the file");
    let printed = gateway.kill();
    for value in [VALUE, "two\nlines"] {
        assert!(!printed.contains(value));
        assert_nowhere(&place.path("."), value);
    }
    let entries = app.store.peek(|tx| audit::list(tx, None, 9)).expect("the store");
    let verbs: Vec<_> = entries.iter().map(|entry| (entry.verb.as_str(), entry.target.as_str())).take(3).collect();
    assert_eq!(verbs, [("removeSecret", "crm_token"), ("setSecret", "crm_token"), ("setSecret", "crm_token")]);
}

#[test]
fn what_is_set_counts_from_the_next_use_on() {
    let place = with_shops();
    let app = attach(&place);
    let caller = operator(&app, "Shop");
    let set = |value: &str| SetSecret { name: "a.b-c_1".to_owned(), value: value.to_owned() };
    assert!(wait(execute(&app, &caller, set("one"))).expect("set"));
    assert_eq!(opened(&app, "Shop", "a.b-c_1").expect("opened").as_deref(), Some("one"));
    assert!(!wait(execute(&app, &caller, set("two"))).expect("set"));
    assert_eq!(opened(&app, "Shop", "a.b-c_1").expect("opened").as_deref(), Some("two"));
    let listed = wait(execute(&app, &caller, ListSecrets)).expect("listed");
    assert_eq!((listed[0].created, listed[0].modified), (NOW, NOW));
    wait(execute(&app, &caller, RemoveSecret { name: "a.b-c_1".to_owned() })).expect("removed");
    assert_eq!(opened(&app, "Shop", "a.b-c_1").expect("opened"), None);
}

#[test]
fn what_is_no_secret_is_refused_and_not_repeated() {
    let place = with_shops();
    let long = "x".repeat(65_537);
    for (arguments, value, status, expected) in [
        ("--customer Shop token hush-hush-4711", &b""[..], 1, "A secret on the command line can be read by every user"),
        ("--customer Shop token", b"", 1, "from 1 to 65536 bytes"),
        ("--customer Shop token", b"\n", 1, "from 1 to 65536 bytes"),
        ("--customer Shop token", long.as_bytes(), 1, "from 1 to 65536 bytes"),
        ("--customer Shop token", b"hush-hush-4711\xff", 1, "must be text in UTF-8"),
        ("--customer Shop 1token", VALUE.as_bytes(), 1, "The secret's name must have"),
        ("--customer Shop to/ken", VALUE.as_bytes(), 1, "The secret's name must have"),
        ("--customer Nobody token", VALUE.as_bytes(), 1, "There is no customer 'Nobody'"),
        ("--customer Shop token --from-file none", b"", 1, "The file none cannot be read"),
        ("--customer Shop", VALUE.as_bytes(), 2, "<NAME>"),
    ] {
        let output = set(&place, arguments, value);
        let message = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(status), "{arguments}: {message}");
        assert!(message.contains(expected) && !message.contains("4711"), "{arguments}: {message}");
    }
    assert!(!place.path("data/secret.key").exists(), "nothing was sealed, so there is no key");
    set_well(&place, "--customer Shop token", &long.as_bytes()[1..]);
}

#[test]
fn a_row_that_is_moved_does_not_open() {
    let place = with_shops();
    set_well(&place, "--customer Shop token", VALUE.as_bytes());
    set_well(&place, "--customer Shop other", b"another");
    let app = attach(&place);
    let (shop, other) = (operator(&app, "Shop").customer().id, operator(&app, "Other").customer().id);
    wait(app.store.administer(move |tx| {
        let rows = secret::list_sealed(tx, shop)?;
        let (_, sealed) = rows.iter().find(|(name, _)| name == "token").expect("it");
        secret::insert(tx, other, "token", sealed, NOW)?;
        secret::update(tx, shop, "other", sealed, NOW)
    }))
    .expect("the store");
    for (customer, name) in [("Other", "token"), ("Shop", "other")] {
        let error = opened(&app, customer, name).expect_err("not theirs");
        assert_eq!(error.code(), Code::Unavailable);
        assert_eq!(error.message(), format!("The secret '{name}' cannot be opened: it is damaged"));
    }
    assert_eq!(opened(&app, "Shop", "token").expect("opened").as_deref(), Some(VALUE), "the others are not harmed");
}

#[test]
fn a_key_file_that_is_not_in_order_is_told_to_the_operator_and_left_alone() {
    let place = with_shops();
    set_well(&place, "--customer Shop token", VALUE.as_bytes());
    let file = place.path("data/secret.key");
    let good = fs::read_to_string(&file).expect("the key");
    let wrong = good.replace(|c: char| c.is_ascii_digit(), "a");
    let app = attach(&place);
    for (text, mode, expected) in [
        (Some(&*good), 0o640, "other users can read or change it, mode 0640"),
        (Some(&*good), 0o604, "other users can read or change it, mode 0604"),
        (Some(&good[..60]), 0o600, "has no key of 32 bytes in line 1"),
        (Some(""), 0o600, "holds no key"),
        (None, 0o600, "is missing"),
        (Some(&*wrong), 0o600, "sealed with a key that the operator's key file does not hold"),
    ] {
        // One of the cases has none.
        let _ = fs::remove_file(&file);
        if let Some(text) = text {
            fs::write(&file, text).expect("a file");
            fs::set_permissions(&file, PermissionsExt::from_mode(mode)).expect("a mode");
        }
        let error = opened(&app, "Shop", "token").expect_err(expected);
        assert_eq!(error.code(), Code::Unavailable);
        assert!(told(&error).contains(expected), "{}", told(&error));
        assert!(!error.message().contains("secret.key"), "the place is for the operator: {error}");
        // The gateway serves all the same, and says so.
        let gateway = place.serve("");
        assert_eq!(gateway.get("/ready").status, 200);
        gateway.kill();
        let log = fs::read_to_string(place.path("serve.log")).expect("the log");
        assert!(log.contains("Flows that use secrets will fail") && log.contains(expected), "{log}");
        if text != Some(&*wrong) {
            let output = set(&place, "--customer Other token", VALUE.as_bytes());
            let message = String::from_utf8(output.stderr).expect("UTF-8");
            assert!(!output.status.success() && message.contains(expected), "{message}");
        }
        assert!(place.fail("secret rotate-key", 1).contains(expected));
        assert_eq!(fs::read_to_string(&file).ok().as_deref(), text, "left as it was");
    }
    fs::write(&file, &good).expect("a file");
    assert_eq!(opened(&app, "Shop", "token").expect("put right").as_deref(), Some(VALUE));
}

#[test]
fn a_new_key_seals_everything_and_the_old_one_still_opens_what_it_sealed() {
    let place = with_shops();
    set_well(&place, "--customer Shop token", VALUE.as_bytes());
    set_well(&place, "--customer Other token", b"theirs");
    place.succeed("backup copy.db");
    let file = place.path("data/secret.key");
    let before = fs::read_to_string(&file).expect("the key");
    let app = attach(&place);
    let dates = |app: &App| wait(execute(app, &operator(app, "Shop"), ListSecrets)).expect("listed");
    let set_at = dates(&app);
    // Only an administrator can give files away; for others the file stays their own.
    let _ = std::os::unix::fs::chown(&file, Some(12_345), None);
    let owner = fs::metadata(&file).expect("the file").uid();
    let rotated = wait(execute(&app, &auth::operator(None), RotateSecretKey)).expect("a new key");
    assert_eq!(rotated.secrets, 2);
    let after = fs::read_to_string(&file).expect("the keys");
    assert_eq!(fs::metadata(&file).expect("the file").uid(), owner);
    assert!(after.ends_with(&before) && after.lines().count() == 2 && mode(&file) == 0o600);
    assert_eq!(dates(&app), set_at, "they are the same secrets");

    drop(app);

    // The new key alone opens what there is now, the old one alone what there was.
    for (key, database) in [(after.lines().next(), None), (before.lines().next(), Some("copy.db"))] {
        fs::write(&file, key.expect("a key")).expect("a file");
        if let Some(copy) = database {
            // Left by whoever closed it last, or not.
            let _ = fs::remove_file(place.path("data/flowgate.db-wal"));
            fs::copy(place.path(copy), place.path("data/flowgate.db")).expect("a restored database");
        }
        let app = attach(&place);
        assert_eq!(opened(&app, "Shop", "token").expect("opened").as_deref(), Some(VALUE));
        assert_eq!(opened(&app, "Other", "token").expect("opened").as_deref(), Some("theirs"));
    }
}

#[test]
fn the_key_file_can_be_elsewhere_and_hold_a_key_of_the_operators() {
    let place = with_shops();
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let file = place.path("keys");
    fs::write(&file, format!("# ours\n{key}\n")).expect("a file");
    fs::set_permissions(&file, PermissionsExt::from_mode(0o400)).expect("a mode");
    fs::write(place.path("settings.toml"), "[store]\nsecret_key_file = \"keys\"").expect("a file");
    set_well(&place, "--customer Shop token --config settings.toml", VALUE.as_bytes());
    assert_eq!(fs::read_to_string(&file).expect("the key"), format!("# ours\n{key}\n"));
    assert!(!place.path("data/secret.key").exists());
    // Without the setting the key is missing, and no other one takes its place.
    let output = set(&place, "--customer Shop token", VALUE.as_bytes());
    assert!(String::from_utf8_lossy(&output.stderr).contains("secret.key is missing"));
    assert!(!place.path("data/secret.key").exists());
}

#[tokio::test]
async fn only_the_operator_deals_with_secrets() {
    let gateway = Gateway::start(|_| {}).await;
    let caller = gateway.call(&keys("api-key", "app-key"), "192.0.2.7").expect("a caller");
    let set = || SetSecret { name: "token".to_owned(), value: VALUE.to_owned() };
    gateway.run(set()).await.expect("the operator may");
    let remove = RemoveSecret { name: "token".to_owned() };
    let refusals = [
        execute(&gateway.app, &caller, set()).await.err(),
        execute(&gateway.app, &caller, ListSecrets).await.err(),
        execute(&gateway.app, &caller, remove).await.err(),
        execute(&gateway.app, &caller, RotateSecretKey).await.err(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.map(|error| error.code()), Some(Code::Forbidden));
    }
    assert_eq!(gateway.run(ListSecrets).await.expect("still there").len(), 1);
}
