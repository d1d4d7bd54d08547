//! Running records again: from the beginning or from a step, through the version they ran through or the latest one.
//! A run that begins at a step takes over what the steps before it gave in the last run.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::app::App;
use crate::auth::Caller;
use crate::diagram::Diagram;
use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::flow::FlowId;
use crate::model::record::RecordStatus;
use crate::model::run::Subject;
use crate::model::scope::Scope;
use crate::model::time::Timestamp;
use crate::operation::bulk::{Records, Selection, TOGETHER, Tally, Verdict, none_exists};
use crate::operation::diagram::{diagram_of, flow_of_record};
use crate::operation::history::{Input, input_of};
use crate::operation::{Access, Operation};
use crate::store::Tx;
use crate::store::run::{self, Start};

/// Characters of a step's id.
const LONGEST_STEP: usize = 64;

/// Puts records into the queue for a run of their own. Those that can be are, whatever becomes of the others.
pub struct RerunRecords {
    /// Which records.
    pub selection: Selection,
    /// The step to begin with; absent for the beginning.
    pub from: Option<String>,
    /// The version of their flow.
    pub version: Version,
    /// Whether it is done, or only told what would be.
    pub mode: Mode,
}

/// The version of its flow that a record is run through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// The one it ran through.
    #[default]
    Same,
    /// The one that was published last.
    Latest,
}

impl Version {
    /// Reads its name.
    /// # Errors
    /// There is no such.
    pub fn parse(text: &str) -> Result<Version> {
        match text {
            "same" => Ok(Version::Same),
            "latest" => Ok(Version::Latest),
            _ => Err(Error::invalid("version must be same or latest")),
        }
    }
}

/// Whether something is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    #[default]
    Real,
    /// It is found out what would be.
    Dry,
}

impl Operation for RerunRecords {
    const NAME: &'static str = "rerunRecords";
    const ACCESS: Access = Access::Scope(Scope::Record);
    type Output = Tally;

    async fn run(self, app: &App, caller: &Caller) -> Result<Tally> {
        let (customer, now) = (caller.customer().id, app.clock.now());
        if self.from.as_ref().is_some_and(|step| step.is_empty() || step.chars().count() > LONGEST_STEP) {
            return Err(Error::invalid(format!("from must be a step's id, of at most {LONGEST_STEP} characters")));
        }
        let is_named = matches!(self.selection, Selection::Uuids(_));
        let from: Option<Arc<str>> = self.from.map(Arc::from);
        let mut records = Records::of(app, customer, self.selection).await?;
        let (mut tally, mut some_exist, mut first) = (Tally::default(), false, None);
        loop {
            let uuids = records.next(app).await?;
            if uuids.is_empty() {
                break;
            }
            for uuids in uuids.chunks(TOGETHER) {
                first = first.or_else(|| uuids.first().cloned());
                let plans = Arc::new(Plans::of(app, customer, uuids.to_vec(), self.version).await?);
                let terms = Terms { customer, from: from.clone(), version: self.version, now };
                for (uuid, verdict) in try_each(app, plans, terms, uuids.to_vec(), self.mode).await? {
                    some_exist |= !matches!(verdict, Verdict::Unknown);
                    tally.count(uuid, verdict);
                }
            }
        }
        match is_named && !some_exist {
            true => Err(none_exists(first.as_deref().filter(|_| tally.matched == 1))),
            false => Ok(tally),
        }
    }
}

/// What is asked for.
struct Terms {
    customer: CustomerId,
    from: Option<Arc<str>>,
    version: Version,
    now: Timestamp,
}

async fn try_each(
    app: &App,
    plans: Arc<Plans>,
    terms: Terms,
    uuids: Vec<String>,
    mode: Mode,
) -> Result<Vec<(String, Verdict)>> {
    let each = move |tx: &mut dyn Tx| {
        let mut verdicts = Vec::with_capacity(uuids.len());
        for uuid in uuids {
            let verdict = try_one(tx, &plans, &terms, &uuid, mode)?;
            verdicts.push((uuid, verdict));
        }
        Ok(verdicts)
    };
    match mode {
        Mode::Real => app.store.write(each).await,
        Mode::Dry => app.store.read(each).await,
    }
}

fn try_one(tx: &mut dyn Tx, plans: &Plans, terms: &Terms, uuid: &str, mode: Mode) -> Result<Verdict> {
    let Some(subject) = run::find_subject(tx, terms.customer, uuid)? else { return Ok(Verdict::Unknown) };
    let refused = |reason: String| Ok(Verdict::Refused(format!("The data record '{uuid}' {reason}")));
    if subject.status == RecordStatus::Processing {
        return refused("is being used and cannot be run again".to_owned());
    }
    let Some(plan) = plans.of_record(&subject) else {
        return refused("was changed at the same time; send the request again".to_owned());
    };
    let version = match (terms.version, plan.latest) {
        (Version::Same, _) => subject.flow_version,
        (Version::Latest, Some(latest)) => latest,
        (Version::Latest, None) => return refused("belongs to a flow that was not published".to_owned()),
    };
    let Some(from) = &terms.from else {
        return carry_out(tx, &subject, Start::Beginning, version, terms.now, mode);
    };
    let diagram = match &plan.diagram {
        Ok(diagram) => diagram,
        Err(reason) => return refused(format!("runs through a version that cannot be read: {reason}")),
    };
    match Middle::find(tx, &subject, diagram, version, from)? {
        Ok(Middle { input_step, outputs }) => {
            let start = Start::Step { step: from, input_step: input_step.as_deref(), outputs: &outputs };
            carry_out(tx, &subject, start, version, terms.now, mode)
        }
        Err(reason) => refused(reason),
    }
}

fn carry_out(
    tx: &mut dyn Tx,
    subject: &Subject,
    start: Start<'_>,
    version: i64,
    now: Timestamp,
    mode: Mode,
) -> Result<Verdict> {
    match mode == Mode::Dry || run::rerun(tx, subject, start, version, now)? {
        true => Ok(Verdict::Done),
        false => {
            Ok(Verdict::Refused("The data record was changed at the same time; send the request again".to_owned()))
        }
    }
}

/// What a run needs that begins in the midst of its flow.
struct Middle {
    input_step: Option<String>,
    outputs: String,
}

impl Middle {
    /// Finds it in what the last run left; or else says why it cannot be found.
    fn find(
        tx: &mut dyn Tx,
        subject: &Subject,
        diagram: &Diagram,
        version: i64,
        from: &str,
    ) -> Result<std::result::Result<Middle, String>> {
        if diagram.step(from).is_none() {
            return Ok(Err(format!("runs through version {version} of its flow, which has no step '{from}'")));
        }
        if subject.num_runs == 0 {
            return Ok(Err("did not run yet, and can be run from the beginning alone".to_owned()));
        }
        let before: HashSet<&str> = diagram.before(from).into_iter().collect();
        let entries = run::log(tx, subject.record, subject.num_runs)?;
        let mut outputs: BTreeMap<String, Box<RawValue>> = BTreeMap::new();
        let mut done: HashSet<String> = HashSet::new();
        for entry in &entries {
            let kept: BTreeMap<String, Box<RawValue>> =
                serde_json::from_str(&entry.outputs).map_err(Error::internal)?;
            done.extend(kept.keys().cloned());
            outputs.extend(kept.into_iter().filter(|(step, _)| before.contains(step.as_str())));
        }
        let gone = "has a last run of which not everything is kept any more, and can be run from the beginning alone";
        // A run that itself began in the midst knows what came before from the run before it.
        let mut number = subject.num_runs;
        let input_step = loop {
            let shown = run::shown(tx, subject.record, number)?;
            match input_of(&shown, from)? {
                Input::Taken { from, needed } => {
                    let is_needed = |step: &&String| before.contains(step.as_str());
                    if needed.iter().chain(&from).filter(is_needed).any(|step| !outputs.contains_key(step)) {
                        return Ok(Err(gone.to_owned()));
                    }
                    break from;
                }
                Input::TakenOver if number > 1 => number -= 1,
                Input::Gone => return Ok(Err(gone.to_owned())),
                Input::NotReached { needed } if needed.iter().any(|step| !done.contains(step)) => {
                    return Ok(Err(gone.to_owned()));
                }
                Input::TakenOver | Input::NotReached { .. } => {
                    return Ok(Err(format!("did not come to the step '{from}' in its last run")));
                }
            }
        };
        if input_step.as_ref().is_some_and(|step| !before.contains(step.as_str())) {
            return Ok(Err(format!("took for the step '{from}' what does not come before it in version {version}")));
        }
        let outputs = serde_json::to_string(&outputs).map_err(Error::internal)?;
        Ok(Ok(Middle { input_step, outputs }))
    }
}

/// What is known of the flows of some records.
struct Plans(HashMap<(FlowId, i64), Plan>);

struct Plan {
    /// The version that was published last.
    latest: Option<i64>,
    /// The version that is wanted.
    diagram: std::result::Result<Arc<Diagram>, String>,
}

impl Plans {
    async fn of(app: &App, customer: CustomerId, uuids: Vec<String>, version: Version) -> Result<Plans> {
        let distinct = app
            .store
            .read(move |tx| {
                let mut distinct = HashSet::new();
                for uuid in &uuids {
                    let subject = run::find_subject(tx, customer, uuid)?;
                    distinct.extend(subject.map(|subject| (subject.flow, subject.flow_version)));
                }
                Ok(distinct)
            })
            .await?;
        let mut plans = HashMap::new();
        for (flow, ran) in distinct {
            let latest = flow_of_record(app, customer, flow)?.flow.version;
            let wanted = match version {
                Version::Same => Some(ran),
                Version::Latest => latest,
            };
            let diagram = match diagram_of(app, customer, flow, wanted) {
                Ok(diagram) => Ok(diagram),
                Err(error) if error.code() == Code::Internal => return Err(error),
                Err(error) => Err(error.message().to_owned()),
            };
            plans.insert((flow, ran), Plan { latest, diagram });
        }
        Ok(Plans(plans))
    }

    fn of_record(&self, subject: &Subject) -> Option<&Plan> {
        self.0.get(&(subject.flow, subject.flow_version))
    }
}
