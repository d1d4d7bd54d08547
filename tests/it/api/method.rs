//! Methods: what each address takes, with and without a slash at its end.

use std::collections::BTreeMap;

use flowgate::facade::v1::table::ENDPOINTS;

use super::Rest;

/// Every path of the table with its methods.
fn paths() -> BTreeMap<String, Vec<String>> {
    let mut paths: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for endpoint in &ENDPOINTS {
        let path = endpoint.path.replace("{uuid}", "one").replace("{uri}", "hook");
        let methods = paths.entry(path).or_insert_with(|| vec!["OPTIONS".to_owned()]);
        methods.push(endpoint.method.to_string());
        if endpoint.method == "GET" {
            methods.push("HEAD".to_owned());
        }
    }
    for methods in paths.values_mut() {
        methods.sort();
        methods.dedup();
    }
    paths
}

#[test]
fn every_address_tells_its_methods_and_refuses_others_with_and_without_a_slash() {
    let rest = Rest::start();
    for (path, methods) in paths() {
        let allowed = methods.join(", ");
        for path in [path.clone(), format!("{path}/"), format!("{path}?api_key=k")] {
            let options = rest.app.bodiless("OPTIONS", &path, &[]);
            if path.starts_with("/v1/options") {
                assert_eq!(options.status, 200, "{path}");
            } else {
                assert_eq!((options.status, options.header("allow")), (204, Some(allowed.as_str())), "{path}");
                assert_eq!(options.body, b"");
            }
            for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
                let answer = rest.app.bodiless(method, &path, &[]);
                if methods.iter().any(|known| known == method) {
                    assert_ne!(answer.status, 405, "{method} {path}");
                    continue;
                }
                if method == "TRACE" {
                    assert!(matches!(answer.status, 405 | 501), "{method} {path}: {}", answer.head);
                    continue;
                }
                assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed.as_str())), "{method} {path}");
                if method != "HEAD" {
                    let json = answer.json();
                    let sentence = format!("The method is not allowed here; there are {allowed}");
                    assert_eq!((json["code"].as_u64(), json["message"].as_str()), (Some(405), Some(sentence.as_str())));
                }
            }
        }
    }
}

#[test]
fn a_slash_at_the_end_changes_nothing() {
    let rest = Rest::start();
    rest.insert("one", "{}");
    rest.schema("{}");
    for (method, path) in [
        ("GET", "/v1/options"),
        ("GET", "/v1/schema"),
        ("GET", "/v1/record/one"),
        ("GET", "/v1/record/search"),
        ("PUT", "/v1/record/search"),
        ("POST", "/v1/webhook/hook"),
        ("GET", "/v1/checkauthentication"),
    ] {
        let [plain, slash] = [path.to_owned(), format!("{path}/")].map(|path| rest.send(method, &path, &[], ""));
        assert_eq!(plain.status, slash.status, "{path}");
        assert_eq!(slash.header("location"), None, "{path}");
    }
    let slash = rest.app.call("GET", "/v1/record/?uuid=one&api_key=k&app_key=a", &[], b"");
    assert_eq!(slash.status, 200);
}

#[test]
fn there_is_nothing_elsewhere() {
    let rest = Rest::start();
    for path in [
        "/v1",
        "/v1/",
        "/v1/records",
        "/v1/record/one/two",
        "/v1/record//",
        "/v1/webhook",
        "/v1/webhook/",
        "/v2/record",
        "/v1/Record",
    ] {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            let answer = rest.send(method, path, &[], "{}");
            assert_eq!((answer.status, answer.json()["code"].as_u64()), (404, Some(404)), "{method} {path}");
        }
    }
}

#[test]
fn options_lists_every_endpoint() {
    let rest = Rest::start();
    for method in ["OPTIONS", "GET"] {
        let answer = rest.app.bodiless(method, "/v1/options", &[]);
        let listed: Vec<(String, String)> = answer.json()["resource"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|entry| (entry["method"].to_string(), entry["endpoint"].to_string()))
            .collect();
        let table: Vec<(String, String)> = ENDPOINTS
            .iter()
            .map(|entry| (format!("{:?}", entry.method.as_str()), format!("{:?}", entry.path)))
            .collect();
        assert_eq!(listed, table);
    }
}

#[test]
fn the_body_of_a_refused_request_is_not_taken_for_another() {
    let rest = Rest::start();
    for line in [
        "POST /v1/nothing",
        "PATCH /v1/record",
        "OPTIONS /v1/record",
        "DELETE /v1/options",
        "POST /v1/record",
        "GET /v1/options",
        "PUT /v1/schema",
    ] {
        let inner = "DELETE /v1/record/one HTTP/1.1\r\nHost: a\r\nX-Apikey: k\r\nX-App: a\r\n\r\n";
        rest.insert("one", "{}");
        let request = format!("{line} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{inner}", inner.len());
        let next = "GET /v1/record/one HTTP/1.1\r\nHost: a\r\nX-Apikey: k\r\nX-App: a\r\nConnection: close\r\n\r\n";
        let bytes = rest.app.drain(format!("{request}{next}").as_bytes());
        let text = String::from_utf8(bytes).expect("UTF-8");
        assert!(matches!(text.matches("HTTP/1.1 ").count(), 1 | 2), "{line}: {text}");
        assert!(!text.contains("was removed successfully"), "{line}: {text}");
        assert_eq!(rest.stored().len(), 1, "{line}");
    }
}
