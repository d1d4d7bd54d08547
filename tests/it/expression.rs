//! Expressions that mean harm: each ends, on a stack as small as the program's, within its limits and in bounded memory.

use std::process::Command;
use std::thread;
use std::time::Duration;

use flowgate::error::Code;
use flowgate::expression::names::Names;
use flowgate::expression::template::Template;
use flowgate::expression::{Expression, Failure, Kind, LONGEST_SOURCE, Limits};
use serde_json::{Value, json};

/// The stack of the threads that blocking work is done on.
const STACK: usize = 2 << 20;
/// Set for the process that the hostile expressions are evaluated in.
const PROBING: &str = "FLOWGATE_PROBING";
/// Kilobytes of address space that process may have; without bounds, it would end by this rather than harm the machine.
const ADDRESSES: u64 = 4 << 20;
/// Kilobytes it may have used at the most, once all was evaluated: several times what the limits on memory say.
const MOST_MEMORY: u64 = 400 << 10;

/// A function that calls itself, a number of times over `$f(…)`.
fn nested(begin: &str, middle: &str, end: &str, times: usize) -> String {
    format!("{}{middle}{}", begin.repeat(times), end.repeat(times))
}

/// Expressions that take more than they may, by how that shows.
fn harmful() -> Vec<(Kind, String)> {
    use Kind::{TooDeep, TooLarge, TooManySteps};
    let text = |kind: Kind, source: &str| (kind, source.to_owned());
    let mut harmful = vec![
        // Recursion, endless in one way or another.
        text(TooDeep, "($f := function($x){ 1 + $f($x) }; $f(1))"),
        text(TooDeep, "($f := function($x){ [$g($x)] }; $g := function($x){ {'a': $f($x)} }; $f(1))"),
        text(TooDeep, "($f := function($x){ $map([1], $f) & '' }; $f(1))"),
        text(TooManySteps, "($f := function($x){ $f($x) }; $f(1))"),
        text(TooManySteps, "($f := function($x){ $g($x) }; $g := function($x){ $f($x) }; $f(1))"),
        text(TooDeep, "($y := function($f){ $f($f) & '' }; $y($y))"),
        text(TooManySteps, "$sort([1..5000], function($a, $b){ ($f := function(){ $f() }; $f()) })"),
        text(TooManySteps, "$sort([1..100000], function($a, $b){ true })"),
        text(TooManySteps, "[1..99999].($x := $; [1..99999].($x * $))"),
        text(TooManySteps, "$map([1..1000], function($x){ $map([1..1000], function($y){ $x * $y }) })"),
        text(TooManySteps, "$reduce([1..100000], function($s, $x){ $s + $sum([1..10].($ * $x)) })"),
        text(TooLarge, "$map([1..1000], function($x){ deep.**[**] })"),
        // Patterns that never decide.
        text(TooManySteps, "$contains('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab', /^(a+)+$/)"),
        text(TooManySteps, "$replace($pad('', 3000, 'a'), /(a|aa|aaa)*b/, '')"),
        // Texts that grow.
        text(TooLarge, "$pad('x', 200000000)"),
        text(TooLarge, "$pad('x', -2000000)"),
        text(TooLarge, "($f := function($s, $n){ $n = 0 ? $s : $f($s & $s, $n - 1) }; $f('xx', 60))"),
        text(TooLarge, "$reduce([1..60], function($s, $i){ $s & $s }, 'x')"),
        text(TooLarge, "($t := $pad('x', 100000); $join([1..50000].($t)))"),
        text(TooLarge, "($t := $pad('x', 100000); $string([1..50000].($t)))"),
        text(TooLarge, "($t := $pad('', 20000, 'x'); $replace($t, 'x', $t))"),
        text(TooLarge, "($t := $pad('', 100000, 'y'); $replace($pad('', 2000, 'x'), /x/, $t))"),
        text(TooLarge, "($t := $pad('', 20000, '$1'); $replace($pad('', 500000, 'y'), /(.*)/, $t))"),
        text(TooLarge, "($t := $pad('', 100000, 'y'); $replace($pad('', 2000, 'x'), /x/, function(){ $t }))"),
        text(TooLarge, "($t := $pad('', 200000, 'é'); $encodeUrlComponent($t))"),
        text(TooLarge, "$string($reduce([1..60], function($s, $i){ [$s, $s] }, 'x'))"),
        text(TooLarge, "$reduce([1..60], function($s, $i){ [$s, $s] }, 'x') & ''"),
        // Texts of a fair length, and many of them.
        text(TooLarge, "($t := $pad('x', 500000); [1..10000].$lowercase($t))"),
        text(TooLarge, "($t := $pad('x', 500000); $map([1..10000], function($i){ $lowercase($t) }))"),
        text(TooLarge, "($t := $pad('x', 500000); $map([1..10000], function($i){ $i > 0 ? ($i; $lowercase($t)) }))"),
        text(TooLarge, "($t := $pad('x', 500000); $map([1..10000].($t), $uppercase))"),
        text(TooLarge, "($t := $pad('x', 500000); $u := [$uppercase]; $map([1..10000].($t), $u[0]))"),
        text(TooLarge, "($t := $pad('x', 500000); $map([1..100000], function(){ $t & '!' }))"),
        text(TooLarge, "($t := $pad('x', 500000); $map([1..10000].($t), $substring(?, 1)))"),
        text(TooLarge, "($t := $pad('x', 500000); $l := $lowercase; $map([1..10000], function(){ $l($t) }))"),
        text(
            TooLarge,
            "($t := $pad('x', 500000); $c := $substringAfter(?, 'x') ~> $uppercase; $map([1..10000].($t), $c))",
        ),
        text(TooLarge, "($c := $uppercase ~> $lowercase; $t := $pad('x', 500000); $map([1..10000].($t), $c))"),
        text(TooLarge, "($t := $pad('x', 500000); [1..100000].{'a': $t & '!'})"),
        text(TooLarge, "($t := $pad('x', 500000); [1..10000]{$string($): $t & '!'})"),
        text(TooLarge, "($t := $pad('x', 500000); [1..1000]^($t & $string($)))"),
        text(TooLarge, "($t := $pad('x', 500000); $each(many, function($v, $k){ $t & $k }))"),
        text(TooLarge, "($t := $pad('x', 500000); many ~> |$|{'a': $map([1..10000], function(){ $t & 'a' })}|)"),
        (TooLarge, format!("$map([1..100000], function(){{ '{}' }})", "x".repeat(60_000))),
        text(TooLarge, "[1..1000].$split($pad('', 50000, 'x'), '')"),
        text(TooLarge, "[1..1000].$match($pad('', 1000, 'x'), /x/)"),
        text(TooLarge, "$map([1..1000], function(){ $spread($$.many) })"),
        text(TooLarge, "$map([1..1000], function(){ $merge([$$.many, $$.many]) })"),
        text(TooLarge, "$map([1..1000], function(){ $$.many ~> |$|{'a': 1}| })"),
        text(TooLarge, "($a := [1..50000]; $map([1..1000], function(){ $zip($a, $a) }))"),
        // Arrays that grow.
        text(TooLarge, "[1..1000000000]"),
        text(TooLarge, "[1..10000000]"),
        text(TooLarge, "[1..1000].[[1..100000]]"),
        text(TooLarge, "($a := [1..100000]; $map([1..1000].[$a], $reverse))"),
        text(TooLarge, "($a := [1..100000]; [1..1000].{'a': $append($a, [])})"),
        text(TooLarge, "($a := [1..100000]; [1..10000].{'a': $a})"),
        text(TooLarge, "$reduce([1..40], function($a, $i){ $append($a, $a) }, [1])"),
        text(TooLarge, "$reduce([1..40], function($a, $i){ [$a, $a] }, [1])"),
        text(TooLarge, "**.**.**.**.**.**.**.**.**.**.**.**"),
        // Deep values.
        text(TooDeep, "$reduce([1..5000], function($a, $i){ {'a': [$a]} }, 1)"),
        text(TooDeep, "$reduce([1..200], function($a, $i){ {'a': $a} }, 1)"),
        text(TooDeep, "($f := function($a, $i){ {'a': [$a]} }; $reduce([1..9000], $f, 1) = $reduce([1..9000], $f, 1))"),
        text(TooDeep, "$string($reduce([1..5000], function($a, $i){ {'a': [$a]} }, 1))"),
    ];
    // Depth of the source itself.
    harmful.extend([
        (TooDeep, vec!["1"; 900].join("+")),
        (TooDeep, nested("(", "1", ")", 900)),
        (TooDeep, nested("[", "1", "]", 900)),
        (TooDeep, nested("{'a':", "1", "}", 900)),
        (TooDeep, format!("1{}", "~>$string".repeat(900))),
        (TooDeep, nested("$not(", "1", ")", 300)),
    ]);
    harmful
}

/// Expressions that look as if they would, and do not.
fn harmless() -> Vec<(String, Value)> {
    let text = |source: &str, value: Value| (source.to_owned(), value);
    vec![
        // Functions in a chain, which is taken apart link by link in the end, or on the way.
        text("($f := function($v, $n){ $n = 0 ? $v : $f(function(){ $v }, $n - 1) }; $f(1, 15000); 1)", json!(1)),
        text("($c := $reduce([1..60000], function($v, $i){ function(){ $v } }, 1); $c := 1)", json!(1)),
        text("($c := $reduce([1..30000], function($v, $i){ {'a': [function(){ $v }]} }, 1); $c := 1)", json!(1)),
        text("($c := $reduce([1..40000], function($v, $i){ |a|$v| }, 1); $c := 1)", json!(1)),
        text("($f := function($v, $n){ $n = 0 ? $v : $f($v ~> $string, $n - 1) }; $f($string, 9000); 1)", json!(1)),
        text("($f := function($v, $n){ $n = 0 ? $v : $f($v(?), $n - 1) }; $f($string, 9000); 1)", json!(1)),
        // Deep and long values that never leave the expression.
        text("$count($reduce([1..30000], function($a, $i){ {'a': [$a]} }, 1))", json!(1)),
        text("$type($reduce([1..40000], function($a, $i){ {'a': $a} }, 1))", json!("object")),
        text("$count([1..100000])", json!(100_000)),
        text("$length($pad('x', 1000000))", json!(1_000_000)),
        text("$count(deep.**)", json!(61)),
        // Patterns that grow when they are compiled.
        text("$count($match('aaa', /(((a{1,1000}){1,1000}){1,1000})/))", json!(1)),
        text("$contains('b', /((((((a{0,9}){0,9}){0,9}){0,9}){0,9}){0,9})$/)", json!(true)),
    ]
}

fn input() -> Value {
    let deep =
        (0..120).fold(json!(1), |value, level| if level % 2 == 0 { json!([value]) } else { json!({"a": value}) });
    let many: serde_json::Map<String, Value> = (0..5_000).map(|number| (format!("n{number}"), json!(number))).collect();
    json!({"deep": deep, "many": many})
}

/// On a stack as small as the program's, from the first byte of the source to the last of what was made.
fn on_a_small_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    thread::Builder::new().stack_size(STACK).spawn(work).expect("a thread").join().expect("no panic")
}

/// Kilobytes that this process has used at the most.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("the most memory");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

/// What a source comes to, with the usual limits.
fn outcome(source: &str) -> Result<Option<Value>, Failure> {
    let expression = Expression::compile(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    // Without optimisation, and beside other tests, some take long; the steps are to end them, not the time.
    let limits = Limits { time: Duration::from_secs(600), ..Limits::default() };
    expression.evaluate(&input(), &Names::default(), &limits)
}

fn probe() {
    let harmful = harmful().into_iter().map(|(kind, source)| (source, Err(kind)));
    let harmless = harmless().into_iter().map(|(source, value)| (source, Ok(Some(value))));
    let mut wrong = Vec::new();
    for (source, expected) in harmful.chain(harmless) {
        let shown: String = source.chars().take(100).collect();
        println!("{shown}");
        let complaint = on_a_small_stack(move || {
            let outcome = outcome(&source);
            let told = format!("{outcome:?}").chars().take(300).collect::<String>();
            println!("  {told}, {} kB", most_memory());
            (outcome.map_err(|failure| failure.kind) != expected).then_some(told)
        });
        wrong.extend(complaint.map(|told| format!("{shown}: {told}")));
    }
    println!("most memory: {} kB", most_memory());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn hostile_sources_are_refused_on_a_small_stack() {
    let sources = [
        nested("(", "1", ")", 20_000),
        nested("[", "1", "]", 20_000),
        nested("{'a':", "1", "}", 9_000),
        nested("$f(", "1", ")", 15_000),
        nested("function(){", "1", "}", 5_000),
        nested("a[", "1", "]", 20_000),
        "-".repeat(60_000) + "1",
        "a?1:".repeat(15_000) + "1",
        vec!["1"; 30_000].join("+"),
        vec!["a"; 30_000].join("."),
        vec!["a"; 20_000].join("~>"),
        format!("a{}", "[0]".repeat(20_000)),
        format!("a{}", "()".repeat(30_000)),
        "(".repeat(60_000),
        "'".to_owned() + &"x".repeat(60_000),
        "x".repeat(LONGEST_SOURCE + 1),
        "$eval('1')".to_owned(),
        "($e := $eval; $e('1'))".to_owned(),
        "$map(['1'], $eval)".to_owned(),
        "a[$eval('1')]^(b){c: d}".to_owned(),
    ];
    for source in sources {
        let shown: String = source.chars().take(40).collect();
        let error = on_a_small_stack(move || Expression::compile(&source).expect_err("no expression"));
        assert_eq!(error.code(), Code::InvalidInput, "{shown}");
        assert!(error.message().len() < 500, "{shown}: {error}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (source, expected) in [
        ("1 +", "The expression is not valid at line 1, column 4: Unexpected end of expression (S0207)"),
        ("{\n  'é': [1, 2\n}", "The expression is not valid at line 3, column 1: Expected \"]\", got \"}\" (S0202)"),
        ("a ~> $eval()", "The expression is not valid at line 1, column 6: $eval is not available"),
        ("", "The expression is not valid at line 1, column 1: Unexpected end of expression (S0207)"),
    ] {
        assert_eq!(Expression::compile(source).expect_err(source).message(), expected);
    }
    for (source, expected) in [
        ("'é' + 1", "The left side of the \"+\" operator must evaluate to a number (T2001, line 1, column 1)"),
        ("$map(['a'],\n $string) + 1", "The left side of the \"+\" operator must evaluate to a number"),
        ("$replace(1, 2, 3)", "Argument 1 of function \"replace\" does not match function signature (T0410, line 1"),
        ("$number('x')", "Unable to cast value to a number: \"x\" (D3030, line 1, column 1)"),
        ("$error('Nobody is at home')", "Nobody is at home (D3137, line 1, column 1)"),
    ] {
        let failure = outcome(source).expect_err(source);
        assert!(failure.text.starts_with(expected) && failure.kind == Kind::Expression, "{source}: {failure}");
    }
}

#[test]
fn what_is_compiled_is_shared_between_threads() {
    fn shared<T: Clone + Send + Sync>(_: &T) {}
    let template = Template::compile(&json!("{{ 1 }}")).expect("a template");
    let expression = Expression::compile("1").expect("an expression");
    shared(&expression);
    shared(&template);
    shared(&Names::default());
}

#[test]
fn clock_and_chance_are_those_that_are_given() {
    let source = "[$now(), $millis(), $random(), $random(), $shuffle([1..20])]";
    let expression = Expression::compile(source).expect("an expression");
    let value = |now: i64, seed: u64| {
        expression.evaluate(None, &Names::new(now, seed), &Limits::default()).expect("a value").expect("a value")
    };
    assert_eq!(value(1_700_000_000_123, 7), value(1_700_000_000_123, 7));
    assert_eq!(value(1_700_000_000_123, 7)[0], "2023-11-14T22:13:20.123Z");
    assert_eq!(value(1_700_000_000_123, 7)[1], 1_700_000_000_123_i64);
    assert_ne!(value(1_700_000_000_123, 7)[2], value(1_700_000_000_123, 8)[2]);
    assert_ne!(value(1_700_000_000_123, 7)[2], value(1_700_000_000_123, 7)[3]);
}

#[test]
fn names_are_read_whole_or_in_part_and_gain_members() {
    let mut names = Names::new(0, 0);
    names.insert("record", json!({"a": [{"b": 1, "c": 2}, {"b": 3}], "d": "x"}));
    names.insert_empty("steps");
    let value = |names: &Names, source: &str| {
        let expression = Expression::compile(source).expect(source);
        expression.evaluate(&json!({"in": 1}), names, &Limits::default()).expect(source)
    };
    assert_eq!(value(&names, "$steps"), Some(json!({})));
    names.insert_member("steps", "first", json!({"out": [1, 2]}));
    names.insert_member("steps", "second", json!("y"));
    for (source, expected) in [
        ("$record.a.b", Some(json!([1, 3]))),
        ("$record.a[b > 1]", Some(json!({"b": 3}))),
        ("$record", Some(json!({"a": [{"b": 1, "c": 2}, {"b": 3}], "d": "x"}))),
        ("$keys($record)", Some(json!(["a", "d"]))),
        ("$record.nothing", None),
        ("$record.*", Some(json!([{"b": 1, "c": 2}, {"b": 3}, "x"]))),
        ("$steps.first.out[1]", Some(json!(2))),
        ("$keys($steps)", Some(json!(["first", "second"]))),
        ("$lookup($steps, 'sec' & 'ond')", Some(json!("y"))),
        ("($s := $steps; $s.second & in)", Some(json!("y1"))),
        ("$count($steps.*)", Some(json!(2))),
        ("$unknown", None),
        ("[in, $$.in, $.in]", Some(json!([1, 1, 1]))),
    ] {
        assert_eq!(value(&names, source), expected, "{source}");
    }
    names.insert_member("steps", "first", json!(5));
    assert_eq!(value(&names, "$steps"), Some(json!({"first": 5, "second": "y"})));
}

#[test]
fn what_stands_in_for_a_function_of_the_library_does_the_same() {
    for (source, expected) in [
        // Of many items, which the library would compare with each other, and of few, which it does.
        ("$distinct([1..600].($ % 3))", json!([1, 2, 0])),
        ("$distinct([1..60].($ % 3))", json!([1, 2, 0])),
        ("$distinct([1..600].($ % 2 = 0 ? '1' : 1))", json!([1, "1"])),
        ("$distinct($append([1..300].{'x': 1, 'y': [2]}, [1..300].{'y': [2], 'x': 1}))", json!([{"x": 1, "y": [2]}])),
        ("$count($distinct([1..600].{'x': $}))", json!(600)),
        ("'x' ~> $distinct", json!("x")),
        ("$map([[1, 1], [2, 3, 2]], $distinct)", json!([[1], [2, 3]])),
        // By texts, by patterns, by functions.
        ("$replace('a.b.c', '.', '$0', 1)", json!("a$0b.c")),
        ("('a.b').$replace('.', '-')", json!("a-b")),
        ("('a.b').$replace(/[.]/, '$0$0')", json!("a..b")),
        ("$replace('a1b22', /[0-9]+/, function($m){ '<' & $m.match & '>' }, 1)", json!("a<1>b22")),
        ("$map(['aa', 'ba'], $replace(?, 'a', 'c'))", json!(["cc", "bc"])),
        ("['aa', 'ba'].$replace($, /a$/, 'c')", json!(["ac", "bc"])),
        ("'x' ~> $replace('x', 'é') ~> $replace(/É/i, 'ü')", json!("ü")),
        ("($r := $replace; $r('aba', 'a', ''))", json!("b")),
        (
            "$replace('ab', function($s){ {'match': 'b', 'start': 1, 'end': 2, 'groups': [], 'next': function(){ nothing }} }, 'c')",
            json!("ac"),
        ),
    ] {
        assert_eq!(outcome(source), Ok(Some(expected)), "{source}");
    }
    assert_eq!(outcome("$replace(nothing, 'a', 'b')"), Ok(None));
}

#[test]
fn numbers_are_doubles() {
    for (number, expected) in [
        (json!(9_007_199_254_740_991_u64), json!(9_007_199_254_740_991_u64)),
        (json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992_f64)),
        (json!(-3), json!(-3)),
        (json!(2.0), json!(2)),
        (json!(0.1), json!(0.1)),
        (json!(u64::MAX), json!(18_446_744_073_709_551_615_f64)),
    ] {
        let expression = Expression::compile("$").expect("an expression");
        let value = expression.evaluate(&number, &Names::default(), &Limits::default());
        assert_eq!(value, Ok(Some(expected)), "{number}");
    }
}

/// In a process of its own, for an overflown stack or too much memory would end this one.
#[test]
fn hostile_expressions_end_in_bounded_memory() {
    if std::env::var_os(PROBING).is_some() {
        return probe();
    }
    let this = std::env::current_exe().expect("this program");
    let output = Command::new("sh")
        .args(["-c", &format!("ulimit -v {ADDRESSES} && exec \"$0\" \"$@\"")])
        .arg(this)
        .args(["expression::hostile_expressions_end_in_bounded_memory", "--exact", "--nocapture"])
        .env(PROBING, "yes")
        .output()
        .expect("it runs");
    let told = String::from_utf8_lossy(&output.stdout);
    let end =
        |text: &str| text.lines().rev().take(12).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n");
    assert!(
        output.status.success(),
        "{}\n{}\n{}",
        output.status,
        end(&told),
        end(&String::from_utf8_lossy(&output.stderr))
    );
    let line = told.lines().find_map(|line| line.strip_prefix("most memory: ")?.strip_suffix(" kB"));
    let most: u64 = line.and_then(|number| number.parse().ok()).expect("the most memory");
    assert!(most < MOST_MEMORY, "{most} kB:\n{told}");
}
