//! Leases: who lost one changes nothing any more, whatever it did meanwhile.

use flowgate::model::address::Network;
use flowgate::model::record::RecordStatus::{Finished, Processing};

use super::Works;
use crate::sink::Sink;

const THIEF: &str = "another process";

#[test]
fn a_result_that_comes_after_the_lease_was_lost_changes_nothing() {
    let sink = Sink::start();
    let works = Works::with(|config| config.outbound.allow = Network::parse("127.0.0.0/8").expect("a network"));
    works.publish("orders", &sink.flow());
    sink.shut();
    works.insert("orders", "r", "{}");
    std::thread::scope(|scope| {
        let engine = scope.spawn(|| works.app.run_due());
        sink.wait_for("r", 1);
        let until = works.app.app.clock.now().0 + 1;
        works.app.administer(move |tx| {
            let taken = "UPDATE record SET lease = $1, lease_until = $2 WHERE uuid = 'r'";
            assert_eq!(tx.execute(taken, &[THIEF.into(), until.into()])?, 1);
            Ok(())
        });
        let stolen = works.record("r");
        sink.open();
        engine.join().expect("the engine works");
        assert_eq!(works.record("r"), stolen);
    });
    assert_eq!((works.state("r"), works.attempts("r")), (Processing, vec!["shape 1 done".to_owned()]));
    let lease = works.app.app.store.peek(|tx| tx.query("SELECT lease FROM record WHERE uuid = 'r'", &[]));
    assert_eq!(lease.expect("a read")[0].text(0).expect("a lease"), THIEF);

    works.pass(1);
    assert_eq!(works.state("r"), Finished);
    assert_eq!(works.attempts("r"), ["shape 1 done", "deliver 1 interrupted", "deliver 2 done", "thank 1 done"]);
    let keys = sink.keys("r");
    assert_eq!(keys, [keys[0].clone(), keys[0].clone()]);
}
