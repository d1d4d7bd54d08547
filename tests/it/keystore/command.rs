//! `flowgate keystore`, beside a gateway and without one.

use serde_json::json;

use crate::process::Place;

#[test]
fn keystores_and_packages_are_kept_from_the_command_line() {
    let place = Place::new();
    place.succeed("customer add --name Shop");
    std::fs::write(place.path("weather.json"), r#"{"city":""}"#).expect("a file");
    let added = place.json("keystore add --customer Shop weather --structure weather.json --description Cities");
    assert_eq!(
        (&added["id"], &added["structure"], &added["version"]),
        (&json!("weather"), &json!({"city": ""}), &json!(1))
    );
    assert!(place.succeed("keystore add --customer Shop letters --raw").contains("Added the keystore letters"));
    assert!(place.fail("keystore add --customer Shop letters", 1).contains("There is a keystore 'letters' already"));
    assert!(place.fail("keystore add --customer Shop x --raw --structure weather.json", 2).contains("--structure"));
    let listed = place.json("keystore list --customer Shop");
    assert_eq!((listed[0]["id"].as_str(), listed[1]["kind"].as_str()), (Some("letters"), Some("json")));
    std::fs::write(place.path("london.json"), "{\"city\": \"London\"}\r\n").expect("a file");
    let kept = place.json("keystore put --customer Shop weather london --from-file london.json");
    assert_eq!(kept["content"], r#"{"city": "London"}"#);
    assert_eq!(place.succeed("keystore get --customer Shop weather london"), "{\"city\": \"London\"}\n");
    assert!(place.fail("keystore get --customer Shop weather paris", 1).contains("There is no package 'paris'"));
    assert_eq!(place.json("keystore show --customer Shop weather")["packages"], 1);
    std::fs::write(place.path("more.json"), r#"{"city":"","rain":0}"#).expect("a file");
    assert_eq!(place.json("keystore change --customer Shop weather --structure more.json")["version"], 2);
    std::fs::write(place.path("broken.json"), "{").expect("a file");
    assert!(place.fail("keystore put --customer Shop weather x --from-file broken.json", 1).contains("not valid JSON"));
    assert!(place.fail("keystore put --customer Shop weather x --from-file none.json", 1).contains("none.json"));
    place.succeed("keystore delete --customer Shop weather london");
    assert!(place.fail("keystore delete --customer Shop weather london", 1).contains("There is no package 'london'"));
    place.succeed("keystore remove --customer Shop weather");
    assert!(place.fail("keystore show --customer Shop weather", 1).contains("There is no keystore 'weather'"));
}
