# Reads the list of checks, then the drivers' lines; prints what is missing, the matrix and the counts.
# A check that was to be made and was not is a failure: a driver that stops early must not look green.
# Set by the caller: passes, the "toolkit description" pairs that were to be driven, separated by commas.

FNR == 1 { file++ }
file == 1 {
    if ($0 ~ /^#/ || NF == 0) next
    check[++checks] = $1
    operation = $1
    sub(/\/.*/, "", operation)
    if (!(operation in column)) { column[operation] = ++columns; title[columns] = operation }
    next
}
$1 == "ok" { state[$2, $3, $4] = "ok"; passed++; next }
$1 == "FAIL" {
    name = $4
    sub(/:$/, "", name)
    state[$2, $3, name] = "FAIL"
    failed++
    next
}
$1 == "unsupported" {
    name = $4
    sub(/:$/, "", name)
    refused[$2, $3, name] = 1
}
END {
    rows = split(passes, pass, ",")
    for (row = 1; row <= rows; row++) {
        split(pass[row], pair, " ")
        for (i = 1; i <= checks; i++) {
            name = check[i]
            operation = name
            sub(/\/.*/, "", operation)
            cell = state[pair[1], pair[2], name]
            if (refused[pair[1], pair[2], operation]) cell = "not supported by toolkit"
            else if (cell == "") {
                print "FAIL " pair[1] " " pair[2] " " name ": expected the check to be made got nothing"
                cell = "FAIL"
                failed++
            }
            if (table[row, operation] == "" || cell == "FAIL") table[row, operation] = cell
        }
    }
    printf "\n| toolkit | description |"
    for (i = 1; i <= columns; i++) printf " %s |", title[i]
    printf "\n| --- | --- |"
    for (i = 1; i <= columns; i++) printf " --- |"
    print ""
    for (row = 1; row <= rows; row++) {
        split(pass[row], pair, " ")
        printf "| %s | %s |", pair[1], pair[2]
        for (i = 1; i <= columns; i++) printf " %s |", table[row, title[i]]
        print ""
    }
    printf "\n%d passed, %d failed\n", passed, failed
    exit failed > 0 || passed == 0
}
