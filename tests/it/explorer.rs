//! The pages about the REST dialect, and the files that other people's explorers read.

use flowgate::facade::v1::table::ENDPOINTS;
use serde_json::Value;

use crate::process::Place;
use crate::support::{Answer, TestApp, send};

const FILES: [&str; 3] = ["/docs/explorer.js", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js"];
const COLLECTION: &str = "/docs/files/flowgate.postman_collection.json";
const HTTP_FILE: &str = "/docs/files/flowgate.http";

fn post(address: std::net::SocketAddr, path: &str, form: &str) -> Answer {
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n", form.len());
    let request = format!("{head}Content-Type: application/x-www-form-urlencoded\r\n\r\n{form}");
    send(address, request.as_bytes())
}

#[test]
fn the_page_brings_everything_and_may_do_nothing_else() {
    let app = TestApp::start();
    let page = app.get("/docs", &[]);
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; "), "{policy}");
    assert!(!policy.contains("http") && !policy.contains("unsafe-eval"), "{policy}");
    for (name, value) in [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")] {
        assert_eq!(page.header(name), Some(value), "{name}");
    }
    let html = page.text();
    assert!(html.contains("<html lang=\"en\">") && html.contains("<title>") && html.contains("<noscript>"), "{html}");
    for text in [html, app.get("/docs/explorer.js", &[]).text()] {
        assert!(!text.contains("http://") && !text.contains("https://"), "an address elsewhere: {text}");
        assert!(!text.contains("=\"/"), "an address that does not hold under a prefix: {text}");
    }
}

#[test]
fn its_files_are_kept_until_they_change() {
    let app = TestApp::start();
    for path in ["/docs", "/openapi.json", "/openapi.yaml"].into_iter().chain(FILES) {
        let answer = app.get(path, &[]);
        assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-cache")), "{path}");
        let tag = answer.header("etag").expect("a tag").to_owned();
        let again = app.get(path, &[("If-None-Match", &tag)]);
        assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(&*tag)), "{path}");
        assert_eq!(app.get(path, &[("If-None-Match", "\"other\"")]).status, 200, "{path}");
        let packed = app.get(path, &[("Accept-Encoding", "gzip")]);
        assert_eq!(packed.text(), answer.text(), "{path}");
        if packed.header("content-encoding").is_some() {
            assert_ne!(packed.header("etag"), Some(&*tag), "{path}: another representation has another tag");
        }
        let head = app.bodiless("HEAD", path, &[]);
        assert_eq!((head.status, head.header("content-length")), (200, answer.header("content-length")), "{path}");
        let refused = app.bodiless("DELETE", path, &[]);
        assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD, OPTIONS")), "{path}");
    }
    for (path, content_type) in FILES.into_iter().zip(["text/javascript", "text/css", "text/javascript"]) {
        let shown = app.get(path, &[]);
        assert!(shown.header("content-type").is_some_and(|shown| shown.starts_with(content_type)), "{path}");
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let app = TestApp::start();
    for path in ["/docs/nothing.js", "/docs/index.html", "/docs/..%2Fconfig", "/docs/swagger-initializer.js"] {
        assert_eq!(app.get(path, &[]).status, 404, "{path}");
    }
    let moved = app.get("/docs/", &[]);
    assert_eq!((moved.status, moved.header("location")), (308, Some("../docs")));
    assert_eq!(post(app.address, "/docs/files/nothing", "").status, 404);
    for path in [COLLECTION, HTTP_FILE] {
        let refused = app.get(path, &[]);
        assert_eq!((refused.status, refused.header("allow")), (405, Some("OPTIONS, POST")), "{path}");
    }
}

#[test]
fn the_demos_keys_are_filled_in_in_the_demo_alone() {
    let place = Place::new();
    let demo = place.serve("--demo");
    let app = TestApp::start();
    let get = |address, path: &str| {
        send(address, format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes()).text()
    };
    for (address, is_demo) in [(demo.address, true), (app.address, false)] {
        let script = get(address, "/docs/explorer.js");
        assert!(!script.contains("DEMO_KEYS"), "{script}");
        let texts = [script, post(address, COLLECTION, "").text(), post(address, HTTP_FILE, "").text()];
        for text in texts {
            for key in ["demo-api-key", "\"demo-app\""] {
                let key = if text.starts_with('@') { key.trim_matches('"') } else { key };
                assert_eq!(text.contains(key), is_demo, "{key} in {text}");
            }
        }
    }
}

#[test]
fn files_hold_the_address_and_the_keys_and_no_line_more() {
    let app = TestApp::start();
    let form = "api_key=a%22b%0d%0a%23%23%23&app_key=%7B%7Bx%7D%7D+%C3%A9";
    for path in [COLLECTION, HTTP_FILE] {
        let answer = post(app.address, path, form);
        assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")), "{path}");
        let name = path.rsplit('/').next().expect("a name");
        let disposition = format!("attachment; filename=\"{name}\"");
        assert_eq!(answer.header("content-disposition"), Some(&*disposition));
        assert!(answer.text().contains(&format!("http://{}", app.address)));
    }
    let text = post(app.address, HTTP_FILE, form).text();
    assert!(text.contains("@api_key = a\"b###\n@app_key = {{x}} é\n"), "{text}");
    let collection: Value = serde_json::from_str(&post(app.address, COLLECTION, form).text()).expect("JSON");
    assert_eq!(
        (&collection["variable"][1]["value"], &collection["variable"][2]["value"]),
        (&"a\"b###".into(), &"{{x}} é".into())
    );
}

/// What the format 2.1 asks of a collection, for every endpoint.
#[test]
fn the_collection_has_every_endpoint_in_postmans_format() {
    let app = TestApp::start();
    let collection: Value = serde_json::from_str(&post(app.address, COLLECTION, "").text()).expect("JSON");
    assert_eq!(collection["info"]["schema"], "https://schema.getpostman.com/json/collection/v2.1.0/collection.json");
    let items = collection["item"].as_array().expect("items");
    assert_eq!(items.len(), ENDPOINTS.len());
    let variables: Vec<&str> = collection["variable"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|variable| variable["key"].as_str())
        .collect();
    for item in items {
        let request = &item["request"];
        let raw = request["url"]["raw"].as_str().expect("an address");
        assert!(item["name"].is_string() && request["method"].is_string(), "{item}");
        let path: Vec<&str> =
            request["url"]["path"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        assert_eq!(raw, format!("{{{{base_url}}}}/{}", path.join("/")));
        for name in item.to_string().split("{{").skip(1).filter_map(|rest| rest.split("}}").next()) {
            assert!(variables.contains(&name), "{name} in {item}");
        }
    }
}

/// A request of an `.http` file, as editors read it.
struct Block {
    title: String,
    request: String,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut variables = Vec::new();
    let mut blocks = Vec::new();
    for (number, part) in text.split("\n### ").enumerate() {
        if number == 0 {
            variables.extend(part.lines().filter_map(|line| line.strip_prefix('@')?.split_once(" = ")));
            continue;
        }
        let (title, rest) = part.split_once('\n').expect("a title");
        let (head, body) = rest.trim_end().split_once("\n\n").unwrap_or((rest.trim_end(), ""));
        let fill = |text: &str| {
            variables
                .iter()
                .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
        };
        let (line, headers) = head.split_once('\n').unwrap_or((head, ""));
        let (method, url) =
            fill(line).split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("a request line");
        let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("an address");
        let mut request = format!("{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        fill(headers).lines().for_each(|header| request.push_str(&format!("{header}\r\n")));
        request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        blocks.push(Block { title: title.to_owned(), request });
    }
    blocks
}

#[test]
fn every_request_of_the_http_file_is_answered_as_documented() {
    let place = Place::new();
    let gateway = place.serve("--demo");
    let text = post(gateway.address, HTTP_FILE, "api_key=demo-api-key&app_key=demo-app").text();
    let blocks = blocks(&text);
    assert_eq!(blocks.len(), ENDPOINTS.len());
    for Block { title, request } in blocks {
        assert!(!request.contains("{{"), "{request}");
        let endpoint =
            ENDPOINTS.iter().find(|endpoint| title.ends_with(&format!("{} {}", endpoint.method, endpoint.path)));
        let endpoint = endpoint.expect("an endpoint");
        let expected = match endpoint.id {
            // The sample token is nobody's, the demo has a schema and the package, and the record is removed just before.
            "refreshToken" => 403,
            "insertSchema" | "insertPackage" => 409,
            // The demo has a row of this number.
            "insertNumberedTableRow" => 409,
            "deleteRecordById" => 404,
            // The subscription of the examples is not the one that was made just before.
            "getHook" | "updateHook" | "deleteHook" | "deleteHookById" | "rotateHookSecret" => 404,
            "listDeliveries" | "getDelivery" | "redeliver" => 404,
            _ => endpoint.status,
        };
        let answer = send(gateway.address, request.as_bytes());
        // The engine may have been faster than the request to pause or to move.
        let is_late = matches!(endpoint.id, "changeStatus" | "moveToFlow") && answer.status == 402;
        let expected = if is_late { 402 } else { expected };
        assert_eq!(answer.status, expected, "{request}\n{}", answer.text());
    }
}
