//! Series of one name, and how they are written in the OpenMetrics text format. What they mean is not known here.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use crate::model::distribution::Spread;

/// Nanoseconds of a second: what times are measured in, and told in.
pub const SECOND: u64 = 1_000_000_000;

/// Before every name.
const PREFIX: &str = "flowgate";

type Labels = Vec<(&'static str, &'static str)>;

/// Series of one name.
#[derive(Debug)]
pub struct Family {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    unit: Option<Unit>,
    series: Vec<(Labels, Value)>,
}

#[derive(Debug)]
enum Value {
    Info,
    Number(u64),
    Measure(f64),
    /// The sum, and the upper bound and number of each range, the last of which has none.
    Spread(f64, Vec<(f64, u64)>),
}

impl Family {
    /// What only ever grows. The name has no `_total`, which is written behind it.
    pub fn counter(name: &'static str, help: &'static str) -> Family {
        Family::new(name, help, MetricType::Counter)
    }

    /// What goes up and down.
    pub fn gauge(name: &'static str, help: &'static str) -> Family {
        Family::new(name, help, MetricType::Gauge)
    }

    /// What is counted by ranges.
    pub fn histogram(name: &'static str, help: &'static str) -> Family {
        Family::new(name, help, MetricType::Histogram)
    }

    /// What is said in labels. The name has no `_info`, which is written behind it.
    pub fn info(name: &'static str, help: &'static str, labels: Labels) -> Family {
        let mut family = Family::new(name, help, MetricType::Info);
        family.series.push((labels, Value::Info));
        family
    }

    fn new(name: &'static str, help: &'static str, kind: MetricType) -> Family {
        Family { name, help, kind, unit: None, series: Vec::new() }
    }

    /// Measured in seconds, which the name then ends in.
    pub fn seconds(mut self) -> Family {
        self.unit = Some(Unit::Seconds);
        self
    }

    /// Measured in bytes, which the name then ends in.
    pub fn bytes(mut self) -> Family {
        self.unit = Some(Unit::Bytes);
        self
    }

    /// With a single series of that number.
    pub fn number(mut self, number: u64) -> Family {
        self.push(Labels::new(), number);
        self
    }

    /// With a single series of that value.
    pub fn value(mut self, value: f64) -> Family {
        self.series.push((Labels::new(), Value::Measure(value)));
        self
    }

    /// Adds a series of a number.
    pub fn push(&mut self, labels: Labels, number: u64) {
        self.series.push((labels, Value::Number(number)));
    }

    /// Adds a series of what was counted by ranges, each value told in parts of `unit`.
    pub fn push_spread(&mut self, labels: Labels, spread: &Spread, unit: u64) {
        let told = |value: u64| value as f64 / unit as f64;
        let bounds = spread.bounds.iter().map(|bound| told(*bound)).chain([f64::INFINITY]);
        let ranges = bounds.zip(spread.counts.iter().copied()).collect();
        self.series.push((labels, Value::Spread(told(spread.sum), ranges)));
    }

    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut encoder = encoder.encode_descriptor(self.name, self.help, self.unit.as_ref(), self.kind)?;
        for (labels, value) in &self.series {
            match value {
                Value::Info => encoder.encode_info(&labels.as_slice())?,
                value if labels.is_empty() => value.encode(&mut encoder, self.kind)?,
                value => value.encode(&mut encoder.encode_family(&labels.as_slice())?, self.kind)?,
            }
        }
        Ok(())
    }
}

impl Value {
    fn encode(&self, encoder: &mut MetricEncoder<'_>, kind: MetricType) -> fmt::Result {
        match self {
            Value::Info => Ok(()),
            Value::Number(number) if matches!(kind, MetricType::Counter) => {
                encoder.encode_counter::<NoLabelSet, u64, f64>(number, None)
            }
            Value::Number(number) => encoder.encode_gauge(number),
            Value::Measure(value) => encoder.encode_gauge(value),
            Value::Spread(sum, ranges) => {
                let total = ranges.iter().map(|(_, count)| count).sum();
                encoder.encode_histogram::<NoLabelSet>(*sum, total, ranges, None)
            }
        }
    }
}

#[derive(Debug)]
struct Families(Vec<Family>);

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|family| family.encode(&mut encoder))
    }
}

/// The families as OpenMetrics text, in their order.
pub(super) fn expose(families: Vec<Family>) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(Families(families)));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}
