# SPDX-License-Identifier: BSD-2-Clause
# usage: filter_spamassassin.pl PLACE EVENTS SCORES FOLDER
#
# SpamAssassin's Bayes alone, without rules, in one process: plays "ham|spam FILE" (learn) and "score FILE" and
# writes a probability for each score. The database is in FOLDER; one message of each class is enough for an opinion.
use strict;
use warnings;
use Mail::SpamAssassin;
use Mail::SpamAssassin::PerMsgStatus;
use Time::HiRes qw(clock);

sub slurp {
    my ($path) = @_;
    open(my $file, '<', $path) or return '';
    local $/;
    return scalar <$file>;
}

my ($place, $events, $scores, $folder) = @ARGV;
my $sa = Mail::SpamAssassin->new({
    dont_copy_prefs => 1, local_tests_only => 1, userprefs_filename => '/dev/null',
    site_rules_filename => '/dev/null', rules_filename => '/dev/null',
    config_text => join("\n", 'loadplugin Mail::SpamAssassin::Plugin::Bayes', 'use_bayes 1', 'bayes_auto_learn 0',
        "bayes_path $folder/bayes", 'bayes_min_ham_num 1', 'bayes_min_spam_num 1', 'bayes_learn_to_journal 0',
        'bayes_auto_expire 0', 'lock_method flock',
        # Of its rules only what its tokenizer needs: words that say nothing, and the top-level domains.
        (map { slurp($_) } glob('/usr/share/spamassassin/{60_bayes_stopwords,20_aux_tlds}.cf')), ''),
});
$sa->init(0);
$sa->init_learner({caller_will_untie => 1});
my ($bayes) = grep { ref $_ eq 'Mail::SpamAssassin::Plugin::Bayes' } @{$sa->{plugins}->{plugins}};
my $before = '';
my ($learned, $scored, $learning, $scoring) = (0, 0, 0, 0);

open(my $in, '<', $events) or die "$events: $!";
open(my $out, '>', $scores) or die "$scores: $!";
while (my $line = <$in>) {
    my ($what, $name) = split(' ', $line);
    open(my $file, '<:raw', "$place/$name") or die "$name: $!";
    my $text = do { local $/; <$file> };
    close($file);
    my $start = clock();
    my $message = $sa->parse($text);
    if ($what eq 'score') {
        my $status = Mail::SpamAssassin::PerMsgStatus->new($sa, $message);
        my $score = $bayes->scan($status, $message);
        printf $out "%.17g\n", defined $score ? $score : 0.5;
        $status->finish();
        $scored++;
        $scoring += clock() - $start;
    } else {
        # Scanning leaves the database open for reading, and learning would write into nothing.
        $bayes->{store}->untie_db() if $before eq 'score';
        $sa->{bayes_scanner}->learn($what eq 'spam' ? 1 : 0, $message, undef);
        $learned++;
        $learning += clock() - $start;
    }
    $message->finish();
    $before = $what;
}
close($out);
$sa->finish_learner();
printf "scored=%d scoring=%.4f learned=%d learning=%.4f\n", $scored, $scoring, $learned, $learning;
