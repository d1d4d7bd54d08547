//! Calls of built-in functions that the meter would not see, written as ones that it sees: `$map(n, $string)` as
//! `$map(n, function($a1){($string($a1)??())})`. It sees what stands in the expression and is not called in the last place
//! of a function, from where the library goes on by itself. And calls of functions that have no bounds, written as calls
//! of those in `guard` that have some.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

use jlens_core::Ast;
use jlens_core::ast::{LambdaDef, Node, NodeKind, Stage};

use super::guard;

/// A source with some parts replaced.
#[derive(Debug, Default)]
pub(super) struct Wrapped {
    /// The source with its replacements.
    pub(super) source: String,
    replaced: Vec<Replaced>,
}

/// A replacement: where it begins in the new source and in the old one, and how long it is in each.
#[derive(Debug)]
struct Replaced {
    new: (usize, usize),
    old: (usize, usize),
}

impl Wrapped {
    /// Where in the source before the replacements a byte of the source after them came from; `None` if it did not come
    /// from there.
    pub(super) fn origin(&self, at: usize) -> Option<usize> {
        let before = self.replaced.iter().take_while(|replaced| replaced.new.0 <= at).last();
        let Some(Replaced { new, old }) = before else { return Some(at) };
        match at < new.0 + new.1 {
            true => (old.1 > 0).then_some(old.0),
            false => Some(old.0 + old.1 + (at - new.0 - new.1)),
        }
    }

    fn replace(&mut self, source: &str, start: usize, end: usize, with: &str) {
        let copied = self.replaced.last().map_or(0, |replaced| replaced.old.0 + replaced.old.1);
        self.source.push_str(source.get(copied..start).unwrap_or_default());
        self.replaced.push(Replaced { new: (self.source.len(), with.len()), old: (start, end - start) });
        self.source.push_str(with);
    }
}

/// A name that cannot stand where it stands, and why.
pub(super) struct Refused {
    pub(super) at: usize,
    pub(super) reason: String,
}

/// The expression with calls written so that they are seen and bounded; `None` if there are none to write otherwise.
///
/// A function is refused where its name may or may not stand for something of the expression's own, for then nobody could
/// tell which of them a call in its place means. So is `$zip`, which has no certain number of parameters.
pub(super) fn wrap(ast: &Ast) -> Result<Option<Wrapped>, Refused> {
    let mut found = Found::default();
    found.visit(&ast.root);
    let mut replacements = Replacements::new();
    for (start, end) in &found.last {
        replacements.insert((*start, *start), "(".to_owned());
        replacements.insert((*end, *end), "??())".to_owned());
    }
    let mut guards = BTreeSet::new();
    if let Some(name) = found.bound.iter().chain(&found.parameters).find(|name| name.starts_with(guard::RESERVED)) {
        return Err(Refused { at: 0, reason: format!("${name} is no name to be used") });
    }
    for (start, mention) in &found.mentioned {
        if mention.name.starts_with(guard::RESERVED) {
            return Err(Refused { at: *start, reason: format!("${} is no name to be used", mention.name) });
        }
        if mention.is_own || found.given.contains(start) {
            continue;
        }
        let is_called = found.called.contains(start);
        let Some(written) = written(mention, is_called, &mut guards) else { continue };
        let Some(written) = written.filter(|_| !found.bound.contains(mention.name)) else {
            let what = "cannot stand by its name here; write a function of another name that calls it";
            return Err(Refused { at: *start, reason: format!("${} {what}", mention.name) });
        };
        replacements.insert((*start, start + mention.name.len() + 1), written);
    }
    if !guards.is_empty() {
        // What begins the expression may have to come before something else that begins there.
        let prelude = guards.iter().map(|guard| guard.prelude).collect::<String>();
        let first = replacements.remove(&(0, 0)).unwrap_or_default();
        replacements.insert((0, 0), format!("({prelude}({first}"));
        let end = ast.source.len();
        let last = replacements.remove(&(end, end)).unwrap_or_default();
        replacements.insert((end, end), format!("{last}))"));
    }
    Ok(replaced(&ast.source, &replacements))
}

/// What to write in the place of a name, and `Some(None)` if nothing can be; `None` if it may stay.
fn written(
    mention: &Mention<'_>,
    is_called: bool,
    guards: &mut BTreeSet<&'static guard::Guard>,
) -> Option<Option<String>> {
    if let Some(guard) = guard::GUARDS.iter().find(|guard| guard.name == mention.name) {
        let literal = is_called && mention.has_text_pattern;
        return Some(Some(match guard.for_texts.filter(|_| literal) {
            Some(for_texts) => format!("${for_texts}"),
            None => {
                guards.insert(guard);
                format!("${}", guard.bounded)
            }
        }));
    }
    let parameters = BUILDERS.get(mention.name).filter(|_| !is_called)?;
    let count = match (mention.arguments, mention.name) {
        (Some(count), "zip") => count,
        (None, "zip") => return Some(None),
        // Where others call it, it is a function of a single parameter.
        (None, "string") => 1,
        _ => *parameters,
    };
    let parameters = (1..=count).map(|number| format!("$a{number}")).collect::<Vec<_>>().join(",");
    Some(Some(format!("function({parameters}){{(${}({parameters})??())}}", mention.name)))
}

/// What is to be put in which place, by where it begins and ends.
type Replacements = BTreeMap<(usize, usize), String>;

fn replaced(source: &str, replacements: &Replacements) -> Option<Wrapped> {
    if replacements.is_empty() {
        return None;
    }
    let mut wrapped = Wrapped::default();
    for ((start, end), with) in replacements {
        wrapped.replace(source, *start, *end, with);
    }
    let copied = wrapped.replaced.last().map_or(0, |replaced| replaced.old.0 + replaced.old.1);
    wrapped.source.push_str(source.get(copied..).unwrap_or_default());
    Some(wrapped)
}

/// The built-in functions that may return something large, with how many parameters they have: all but those of numbers
/// and truths.
static BUILDERS: LazyLock<HashMap<&str, usize>> = LazyLock::new(|| {
    let functions = jlens_core::function_catalog().into_iter();
    let builders = functions.filter(|function| ![":n>", ":b>"].iter().any(|end| function.signature.ends_with(end)));
    builders.map(|function| (function.name, function.params.len())).collect()
});

/// A name that an expression uses.
struct Mention<'a> {
    name: &'a str,
    /// The number of arguments, if it is applied to some of them only.
    arguments: Option<usize>,
    /// Whether it is called with a text, written there, as its second argument.
    has_text_pattern: bool,
    /// Whether it certainly stands for something of the expression's own.
    is_own: bool,
}

/// The names that an expression uses, by where they stand.
#[derive(Default)]
struct Found<'a> {
    mentioned: BTreeMap<usize, Mention<'a>>,
    /// Those that are called in place.
    called: BTreeSet<usize>,
    /// Those that are given a value in place.
    given: BTreeSet<usize>,
    /// Calls of built-in functions in the last place of a function, from where to where.
    last: BTreeSet<(usize, usize)>,
    /// Names that the expression gives to values of its own, but for parameters, which have no other meaning where
    /// they have any.
    bound: BTreeSet<&'a str>,
    /// Names of parameters, wherever.
    parameters: BTreeSet<&'a str>,
    /// Names that are the expression's own where the visit has come to.
    own: Vec<&'a str>,
}

impl<'a> Found<'a> {
    fn visit(&mut self, node: &'a Node) {
        self.bound.extend(node.attrs.focus.iter().chain(&node.attrs.index).map(String::as_str));
        self.bound.extend(node.attrs.stages.iter().chain(&node.attrs.predicate).filter_map(|stage| match stage {
            Stage::Index { var, .. } => Some(var.as_str()),
            Stage::Filter { .. } => None,
        }));
        let before = self.own.len();
        // How many of the parts, the first ones, know the names that are the expression's own here.
        let mut scope = 0;
        match &node.kind {
            NodeKind::Variable { name } => self.mention(node, name, None, false),
            NodeKind::Function { procedure, args } => {
                self.called.insert(procedure.span.start);
                if let Some(name) = variable(procedure) {
                    let is_text = |arg: &Node| matches!(arg.kind, NodeKind::String { .. });
                    self.mention(procedure, name, None, args.len() > 2 && args.get(1).is_some_and(is_text));
                }
            }
            NodeKind::Apply { rhs, .. } => {
                self.called.insert(rhs.span.start);
            }
            NodeKind::Bind { lhs, .. } => {
                self.given.insert(lhs.span.start);
                self.bound.extend(variable(lhs));
            }
            NodeKind::Partial { procedure, args } => {
                if let Some(name) = variable(procedure) {
                    self.mention(procedure, name, Some(args.len()), false);
                }
            }
            NodeKind::Lambda(lambda) => {
                self.own.extend(lambda.params.iter().map(String::as_str));
                self.parameters.extend(lambda.params.iter().map(String::as_str));
                scope = 1;
                self.call_last(lambda);
            }
            NodeKind::Block { exprs, .. } => scope = exprs.len(),
            _ => {}
        }
        let is_block = matches!(node.kind, NodeKind::Block { .. });
        let mut part = 0;
        node.for_each_child(|child| {
            if part == scope {
                self.own.truncate(before);
            }
            self.visit(child);
            if is_block && part < scope {
                self.bind(child);
            }
            part += 1;
        });
        self.own.truncate(before);
    }

    fn mention(&mut self, node: &Node, name: &'a str, arguments: Option<usize>, has_text_pattern: bool) {
        let is_own = self.own.contains(&name);
        let mention = Mention { name, arguments, has_text_pattern, is_own };
        self.mentioned.entry(node.span.start).or_insert(mention).is_own &= is_own;
    }

    /// A call in the last place of a function, which the library makes a function of its own.
    fn call_last(&mut self, lambda: &'a LambdaDef) {
        let NodeKind::Function { procedure, .. } = &lambda.body.kind else { return };
        let Some(name) = variable(procedure).filter(|_| lambda.thunk) else { return };
        if BUILDERS.contains_key(name) && !self.own.contains(&name) {
            self.last.insert((lambda.body.span.start, lambda.body.span.end));
        }
    }

    /// After a statement that gives names to its value, they are the expression's own.
    fn bind(&mut self, mut statement: &'a Node) {
        while let NodeKind::Bind { lhs, rhs } = &statement.kind {
            self.own.extend(variable(lhs));
            statement = rhs;
        }
    }
}

fn variable(node: &Node) -> Option<&str> {
    match &node.kind {
        NodeKind::Variable { name } => Some(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(source: &str) -> Option<String> {
        let ast = jlens_core::parse(source).expect("an expression");
        let wrapped = wrap(&ast).unwrap_or_else(|refused| panic!("{source}: {} at {}", refused.reason, refused.at))?;
        jlens_core::parse(&wrapped.source).expect("still an expression");
        Some(wrapped.source)
    }

    #[test]
    fn calls_that_would_not_be_seen_are_written_out() {
        for (source, expected) in [
            ("$map(a, $trim)", "$map(a, function($a1){($trim($a1)??())})"),
            ("[$trim].b", "[function($a1){($trim($a1)??())}].b"),
            ("$f := $string", "$f := function($a1){($string($a1)??())}"),
            ("$string(?, true)", "function($a1,$a2){($string($a1,$a2)??())}(?, true)"),
            ("$zip(?, a)", "function($a1,$a2){($zip($a1,$a2)??())}(?, a)"),
            ("function($x){ $trim($x) }", "function($x){ ($trim($x)??()) }"),
            ("function($x){ ($y; $x ? $trim($x) : 1) }", "function($x){ ($y; $x ? ($trim($x)??()) : 1) }"),
            ("function($x){ $map($x, $trim) }", "function($x){ ($map($x, function($a1){($trim($a1)??())})??()) }"),
            (
                "$map(a, function($x){$map($x, function($y){$trim($y)})})",
                "$map(a, function($x){($map($x, function($y){($trim($y)??())})??())})",
            ),
            ("$replace(a, 'b', c)", "$__text(a, 'b', c)"),
            ("$replace('b', c)", "…($__replace('b', c)))"),
            ("$replace(a, /b/, c)", "…($__replace(a, /b/, c)))"),
            ("$map(a, $distinct)", "…($map(a, $__distinct)))"),
            ("function(){ a ~> $distinct }", "…(function(){ a ~> $__distinct }))"),
            ("function(){ $distinct(a) }", "…(function(){ ($__distinct(a)??()) }))"),
            ("$__step", "refused"),
            ("($__step := 1)", "refused"),
            ("function($__step){ 1 }", "refused"),
            ("a@$__step.b", "refused"),
            ("($x := 1; $map(a, $trim); $trim := 1)", "refused"),
            ("($trim := $trim)", "refused"),
            ("($f := function(){ $map(a, $trim) }; $trim := 1; $f())", "refused"),
            ("a#$trim.$trim", "refused"),
            ("[$zip]", "refused"),
        ] {
            match expected {
                "refused" => assert!(wrap(&jlens_core::parse(source).expect("one")).is_err(), "{source}"),
                _ => {
                    let written = written(source).expect("it is written otherwise");
                    let end = expected.strip_prefix('…');
                    let has_prelude = end.is_some_and(|end| written.starts_with("($__") && written.ends_with(end));
                    assert!(written == expected || has_prelude, "{source}: {written}");
                }
            }
        }
    }

    #[test]
    fn calls_that_are_seen_and_names_of_the_expressions_own_remain() {
        for source in [
            "$trim(a)",
            "a ~> $trim",
            "$map(a, $abs)",
            "function($x){ $sum($x) }",
            "function($x){ $f($x) }",
            "($match := $match(a, /b/); $match.groups)",
            "$each(a, function($match){ $match.groups[0] })",
            "($a := $keys := $keys(b); $keys[0]; function(){ $keys })",
        ] {
            assert_eq!(written(source), None, "{source}");
        }
    }

    #[test]
    fn places_are_those_of_the_source_as_it_was() {
        let source = "é & $map(a, $trim) & function($x){ $pad($x) }(b) & ooops";
        let ast = jlens_core::parse(source).expect("an expression");
        let wrapped = wrap(&ast).ok().flatten().expect("replacements");
        for part in ["é", "map", "a,", ") &", "function($x", "$pad", "$x)", "(b)", "ooops"] {
            let at = wrapped.source.find(part).expect("it is there");
            // The name that was written out is there twice; the first one is the source's.
            assert_eq!(wrapped.origin(at), source.find(part), "{part}: {}", wrapped.source);
        }
        let within = wrapped.source.find("$a1").expect("a parameter");
        assert_eq!(wrapped.origin(within), source.find("$trim"));
    }
}
