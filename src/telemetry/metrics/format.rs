//! The two text formats that Prometheus reads: OpenMetrics 1.0, and the older one that everything else reads too.
//! They differ in how families are announced; the series are the same.

use std::borrow::Cow;

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.0.
    OpenMetrics,
    /// The Prometheus text format 0.0.4.
    Text,
}

impl Format {
    /// The format that an `Accept` header names with the highest weight; the older one if it names neither.
    pub fn of(accept: &str) -> Format {
        let mut best = (0.0, Format::Text);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let format = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "application/openmetrics-text" => Format::OpenMetrics,
                "text/plain" | "text/*" => Format::Text,
                _ => continue,
            };
            let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
            if weight > best.0 {
                best = (weight, format);
            }
        }
        best.1
    }

    /// The Content-Type.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// OpenMetrics text in this format.
    pub fn spell(self, text: String) -> String {
        match self {
            Format::OpenMetrics => text,
            Format::Text => announce(&text),
        }
    }
}

/// The text with its families announced as the older format has it: under the names of their series, without units.
fn announce(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    let mut help = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            // It comes before the type, which decides the name.
            help = rest.split_once(' ');
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let (name, kind): (Cow<'_, str>, _) = match kind {
                "counter" => (format!("{name}_total").into(), kind),
                "info" => (format!("{name}_info").into(), "gauge"),
                _ => (name.into(), kind),
            };
            if let Some((_, help)) = help.take() {
                told.push_str(&format!("# HELP {name} {help}\n"));
            }
            told.push_str(&format!("# TYPE {name} {kind}\n"));
        } else if !line.starts_with('#') {
            told.push_str(line);
            told.push('\n');
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_prometheus_asks_for_is_given() {
        let second = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
                      text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        let protobuf =
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,";
        for (accept, format) in [
            (second.to_owned(), Format::OpenMetrics),
            (format!("{protobuf}{second}"), Format::OpenMetrics),
            ("text/plain;version=0.0.4;q=0.5,*/*;q=0.1".to_owned(), Format::Text),
            ("text/plain, application/openmetrics-text; q=0.9".to_owned(), Format::Text),
            ("application/openmetrics-text;q=0".to_owned(), Format::Text),
            ("text/html,application/xhtml+xml,*/*;q=0.8".to_owned(), Format::Text),
            (String::new(), Format::Text),
        ] {
            assert_eq!(Format::of(&accept), format, "{accept}");
        }
    }

    #[test]
    fn the_older_format_announces_families_under_the_names_of_their_series() {
        let text = "# HELP a_seconds How long\n# TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds 1.0\n\
                    # HELP b How many\n# TYPE b counter\nb_total{x=\"#\"} 2\n\
                    # HELP c What\n# TYPE c info\nc_info{version=\"1\"} 1\n# EOF\n";
        assert_eq!(
            Format::Text.spell(text.to_owned()),
            "# HELP a_seconds How long\n# TYPE a_seconds gauge\na_seconds 1.0\n\
             # HELP b_total How many\n# TYPE b_total counter\nb_total{x=\"#\"} 2\n\
             # HELP c_info What\n# TYPE c_info gauge\nc_info{version=\"1\"} 1\n"
        );
        assert_eq!(Format::OpenMetrics.spell(text.to_owned()), text);
    }
}
