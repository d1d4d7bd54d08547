//! Built-in functions that the library runs to their end however long that takes or large it grows, within bounds:
//! `$replace` puts together what it likes, and `$distinct` compares everything with everything.

use std::collections::HashSet;
use std::sync::Arc;

use jlens_core::{Bindings, Error, HostFunction};
use serde_json::Value;

use super::meter::Budget;

/// What names begin with that are not for authors.
pub(super) const RESERVED: &str = "__";

/// A function of the library, and what is called instead.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Guard {
    /// The name authors know.
    pub(super) name: &'static str,
    /// What stands in its place.
    pub(super) bounded: &'static str,
    /// The same where what is looked for is certainly a text.
    pub(super) for_texts: Option<&'static str>,
    /// What the bounded one is, as statements before the expression.
    pub(super) prelude: &'static str,
}

/// The functions that are guarded.
///
/// Matches are counted one by one on their way from what finds them to the library. What an author's function puts in
/// their place is joined to nothing, for the meter to see it.
pub(super) const GUARDS: [Guard; 2] = [
    Guard {
        name: "distinct",
        bounded: "__distinct",
        for_texts: None,
        prelude: "$__distinct:=function($x)<x:x>{($count($x)>500?$__unique($x):$distinct($x))??()};",
    },
    Guard {
        name: "replace",
        bounded: "__replace",
        for_texts: Some("__text"),
        prelude: "$__step:=function($m,$r){$type($m.next)='function'?\
                  ($__spend($m,$r);$merge([$m,{'next':function(){$__step($m.next(),$r)}}])):$m};\
                  $__replace:=function($s,$p,$r,$n)<s-(sf)(sf)n?:s>{$type($p)='function'?\
                  ($replace($s,function($t){$__step($p($t),$r)},$type($r)='function'?\
                  function($m){($t:=$r($m);$type($t)='string'?$t&'':$t)}:$r,$n)??()):($__text($s,$p,$r,$n)??())};",
    },
];

/// A message with the names that authors know.
pub(super) fn as_known(message: String) -> String {
    GUARDS.iter().fold(message, |message, guard| {
        let unknown = [Some(guard.bounded), guard.for_texts].into_iter().flatten();
        unknown.fold(message, |message, unknown| {
            message.replace(&format!("\"{unknown}\""), &format!("\"{}\"", guard.name))
        })
    })
}

/// What the bounded functions call.
pub(super) fn bindings(bindings: Bindings, text: usize, budget: &Arc<Budget>) -> Bindings {
    let spent = Arc::clone(budget);
    let bindings = bindings
        .function("__unique", HostFunction::new(1, |args, _| Ok(args.first().cloned().flatten().map(unique))))
        .function(
            "__spend",
            HostFunction::new(2, move |args, _| {
                spent.spend(growth(argument(args, 0), argument(args, 1).and_then(Value::as_str)));
                // At once, for the library would go on to put it together.
                if spent.left() == 0 { Err(Error::new("U1003")) } else { Ok(None) }
            })
            .without_input(),
        );
    let replace = HostFunction::with_signature("<s-(sf)(sf)n?:s>", move |args, _| replace(args, text));
    match replace {
        Ok(replace) => bindings.function("__text", replace),
        // The signature is a constant, and without the function a call of it fails.
        Err(_) => bindings,
    }
}

fn argument(args: &[Option<Value>], at: usize) -> Option<&Value> {
    args.get(at).and_then(Option::as_ref)
}

/// How much one match may add to a text: what replaces it, with what it refers to of the match.
fn growth(found: Option<&Value>, with: Option<&str>) -> usize {
    let text = |value: &Value| value.as_str().map_or(0, str::len);
    let groups = found.and_then(|found| found.get("groups")).and_then(Value::as_array).into_iter().flatten();
    let matched = found.and_then(|found| found.get("match"));
    let longest = groups.chain(matched).map(text).max().unwrap_or(0);
    let with = with.unwrap_or_default();
    let references = with.matches('$').count();
    with.len().saturating_add(references.saturating_mul(longest))
}

/// `$replace` where what is looked for is a text.
fn replace(args: &[Option<Value>], most: usize) -> jlens_core::Result<Option<Value>> {
    let text = |at: usize| argument(args, at).and_then(Value::as_str);
    let Some(source) = text(0) else { return Ok(None) };
    if text(1) == Some("") {
        return Err(Error::new("D3010").with("value", "").with("index", 2));
    }
    let count = argument(args, 3).and_then(Value::as_f64).unwrap_or(f64::INFINITY);
    if count < 0.0 {
        return Err(Error::new("D3011").with("value", count).with("index", 4));
    }
    let Some(pattern) = text(1) else { return Ok(None) };
    let with = text(2).unwrap_or_default();
    let (mut replaced, mut rest, mut done) = (String::new(), source, 0.0);
    while let Some((before, after)) = rest.split_once(pattern).filter(|_| done < count) {
        replaced.push_str(before);
        replaced.push_str(with);
        if replaced.len() > most {
            let message = format!("A string would exceed the size limit of {most} bytes");
            return Err(Error::new("U1001").with("message", message));
        }
        rest = after;
        done += 1.0;
    }
    replaced.push_str(rest);
    Ok(Some(Value::String(replaced)))
}

/// `$distinct` of many: the first of each that are equal, as their texts are when the members of objects are in order.
fn unique(value: Value) -> Value {
    let Value::Array(items) = value else { return value };
    let mut seen = HashSet::new();
    Value::Array(items.into_iter().filter(|item| seen.insert(sorted(item).to_string())).collect())
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            Value::Object(members.into_iter().map(|(name, value)| (name.clone(), sorted(value))).collect())
        }
        simple => simple.clone(),
    }
}
