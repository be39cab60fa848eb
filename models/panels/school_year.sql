with

attendance as (

    select * from {{ ref('attendance_month') }}

),

transitions as (

    select * from {{ ref('transition') }}

),

person_months as (

    select * from {{ ref('person_month') }}

),

months as (

    select * from {{ ref('ref_month') }}

),

attendance_policy as (

    select * from {{ ref('policy_attendance') }}

),

attended as (

    select
        attendance.person_id,
        months.school_year,
        count(distinct attendance.organization_id) as n_schools,
        count(distinct attendance.month) as n_months_reported,
        sum(attendance.days_enrolled) as days_enrolled,
        sum(attendance.days_present) as days_present,
        sum(attendance.days_absent_excused) as days_absent_excused,
        sum(attendance.days_absent_unexcused) as days_absent_unexcused,
        sum(attendance.days_suspended) as days_suspended
    from attendance
    inner join months
        on attendance.month = months.month_start
    group by attendance.person_id, months.school_year

),

moves as (

    select
        transitions.person_id,
        months.school_year,
        sum(case when transitions.is_structural then 0 else 1 end) as n_nonstructural_moves
    from transitions
    inner join months
        on
            transitions.transition_date >= months.month_start
            and transitions.transition_date < months.next_month_start
    where transitions.transition_type = 'school_move'
    group by transitions.person_id, months.school_year

),

involvement as (

    select
        person_months.person_id,
        months.school_year,
        max(case when person_months.is_in_shelter then 1 else 0 end)
            as most_in_shelter,
        count(person_months.is_in_shelter) as n_months_shelter_known,
        max(case when person_months.has_snap then 1 else 0 end)
            as most_in_snap,
        count(person_months.has_snap) as n_months_snap_known
    from person_months
    inner join months
        on person_months.month = months.month_start
    group by person_months.person_id, months.school_year

),

panel as (

    select
        -- identifiers
        attended.person_id,

        -- attributes
        cast(attended.school_year as integer) as school_year,

        -- measures
        cast(attended.n_schools as integer) as n_schools,
        cast(attended.n_months_reported as integer) as n_months_reported,
        cast(attended.days_enrolled as numeric(8, 2)) as days_enrolled,
        cast(attended.days_present as numeric(8, 2)) as days_present,
        cast(attended.days_absent_excused as numeric(8, 2)) as days_absent_excused,
        cast(attended.days_absent_unexcused as numeric(8, 2)) as days_absent_unexcused,
        cast(attended.days_suspended as numeric(8, 2)) as days_suspended,
        cast(coalesce(moves.n_nonstructural_moves, 0) as integer) as n_nonstructural_moves,

        -- flags
        case
            when attended.days_enrolled >= attendance_policy.minimum_days_enrolled
                then
                    attended.days_enrolled - attended.days_present
                    >= attendance_policy.chronic_absence_share * attended.days_enrolled
        end as is_chronically_absent,
        case
            when involvement.most_in_shelter = 1 then true
            when involvement.n_months_shelter_known = 12 then false
        end as is_in_shelter,
        case
            when involvement.most_in_snap = 1 then true
            when involvement.n_months_snap_known = 12 then false
        end as has_snap
    from attended
    cross join attendance_policy
    left join moves
        on
            attended.person_id = moves.person_id
            and attended.school_year = moves.school_year
    left join involvement
        on
            attended.person_id = involvement.person_id
            and attended.school_year = involvement.school_year

)

select * from panel
