#!/usr/bin/perl
# sniffer.pl LOG HEARTBEAT-PORT INDEX=PORT... IDENTITY=MAC,ADDRESS...: the independent witness on the switch.
#
# Sees every frame that enters the switch from a node's port (INDEX is the port's interface index, so that it may vanish
# and come back). Writes to LOG, with the kernel's receive times as CLOCK_MONOTONIC milliseconds:
#
#   S IDENTITY PORT FIRST LAST FRAMES   the port spoke for the identity: source MAC, ARP sender, or IP source is the
#                                       identity's. A row of frames that no other port's frame interrupts, at most 50 ms.
#   H PORT TIME CLAIMS                  a heartbeat; CLAIMS is its clear marker byte: bit i = identity i is being claimed
#
# It knows nothing of clusterd but that marker. Frames are fetched in batches every 20 ms; times are not affected.
use strict;
use warnings;
use Socket;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC CLOCK_REALTIME);

use constant { AF_PACKET => 17, ETH_P_ALL => 3, SO_ATTACH_FILTER => 26, SO_RCVBUFFORCE => 33, SIOCGSTAMPNS => 0x8907 };
use constant { ROW_MS => 50, FETCH_S => 0.02, SNAP => 128 };

my ($path, $heartbeat_port, @rest) = @ARGV;
my (%ports, %identities);
for (@rest) {
    my ($left, $right) = split /=/;
    if ($left =~ /^\d+$/) { $ports{$left} = $right }
    else {
        my ($mac, @addresses) = split /,/, $right;
        $identities{$left} = { mac => pack("H12", $mac =~ tr/://dr), addresses => [map { inet_aton($_) } @addresses] };
    }
}

# ---- the filter: classic BPF, so that the kernel wakes nobody for the bulk of the traffic --------------------------

use constant { LD => 0x20, LDH => 0x28, LDB => 0x30, LDXB_IHL => 0xb1, LDH_X => 0x48, JEQ => 0x15, JGE => 0x35, RET => 0x06 };
use constant { PKTTYPE => 0xfffff004, IFINDEX => 0xfffff008, OUTGOING => 4 };

sub filter {
    my @macs = map { $_->{mac} } values %identities;
    my @addresses = map { unpack("N", $_) } map { @{ $_->{addresses} } } values %identities;
    my ($low, $high) = (sort { $a <=> $b } keys %ports)[0, -1];
    my $keep = [RET, 0, 0, SNAP];
    my $drop = [RET, 0, 0, 0];
    my $mac_at = sub {
        my ($offset) = @_;
        return map { my ($a, $b) = unpack("Nn", $_);
            ([LD, 0, 0, $offset], [JEQ, 0, 3, $a], [LDH, 0, 0, $offset + 4], [JEQ, 0, 1, $b], $keep) } @macs;
    };
    my $address_at = sub { my ($offset) = @_; return map { ([LD, 0, 0, $offset], [JEQ, 0, 1, $_], $keep) } @addresses };
    my $when = sub { my ($value, @block) = @_; return ([JEQ, 0, scalar @block, $value], @block) };
    return (
        [LD, 0, 0, PKTTYPE], [JEQ, 0, 1, OUTGOING], $drop,
        [LD, 0, 0, IFINDEX], [JGE, 1, 0, $low], $drop, [JGE, 0, 1, $high + 1], $drop,
        $mac_at->(6),
        [LDH, 0, 0, 12],
        $when->(0x0806, $mac_at->(22), $address_at->(28), $drop),
        $when->(0x0800, $address_at->(26), [LDB, 0, 0, 23], [JEQ, 1, 0, 17], $drop,
            [LDXB_IHL, 0, 0, 14], [LDH_X, 0, 0, 16], [JEQ, 0, 1, $heartbeat_port], $keep, $drop),
        $drop,
    );
}

sub open_socket {
    my @program = filter();
    my $code = join '', map { pack("S C C L", @$_) } @program;
    socket(my $socket, AF_PACKET, SOCK_RAW, 0) or die "packet socket: $!";
    setsockopt($socket, SOL_SOCKET, SO_ATTACH_FILTER, pack("S x6 P", scalar @program, $code)) or die "filter: $!";
    setsockopt($socket, SOL_SOCKET, SO_RCVBUFFORCE, pack("i", 16 << 20)) or die "receive buffer: $!";
    bind($socket, pack("S n i S C C a8", AF_PACKET, ETH_P_ALL, 0, 0, 0, 0, '')) or die "bind: $!";
    return $socket;
}

# ---- what a frame says ------------------------------------------------------------------------------------------

sub speaks_for {
    my ($frame, $identity) = @_;
    return 1 if substr($frame, 6, 6) eq $identity->{mac};
    my $type = unpack("x12 n", $frame);
    return 1 if $type == 0x0806 && substr($frame, 22, 6) eq $identity->{mac};
    my $source = $type == 0x0806 ? substr($frame, 28, 4) : $type == 0x0800 ? substr($frame, 26, 4) : return 0;
    return scalar grep { $_ eq $source } @{ $identity->{addresses} };
}

sub claims {
    my ($frame) = @_;
    return unless unpack("x12 n", $frame) == 0x0800 && unpack("x23 C", $frame) == 17;
    my $udp = 14 + 4 * (unpack("x14 C", $frame) & 15);
    return if length $frame < $udp + 10 || unpack("n", substr($frame, $udp + 2, 2)) != $heartbeat_port;
    return unpack("C", substr($frame, $udp + 9, 1));
}

# ---- the log ----------------------------------------------------------------------------------------------------

open(my $log, '>>', $path) or die "$path: $!";
my %rows;    # by identity: the row being written

sub end_row {
    my ($name) = @_;
    my $row = delete $rows{$name} or return;
    printf $log "S %s %s %.3f %.3f %d\n", $name, @$row{qw(port first last frames)};
}

sub take {
    my ($frame, $port, $at) = @_;
    # Only the LAN's ports can be taken for an identity by a client; the crossover cable is seen for its heartbeats.
    for my $name ($port =~ /-eth1$/ ? () : keys %identities) {
        next unless speaks_for($frame, $identities{$name});
        my $row = $rows{$name};
        end_row($name) if $row && ($row->{port} ne $port || $at - $row->{first} > ROW_MS);
        $row = $rows{$name} //= { port => $port, first => $at, frames => 0 };
        @$row{qw(last frames)} = ($at, $row->{frames} + 1);
    }
    my $claims = claims($frame);
    printf $log "H %s %.3f %d\n", $port, $at, $claims if defined $claims;
}

my $socket = open_socket();
my $stamp = pack("q2", 0, 0);
ioctl($socket, SIOCGSTAMPNS, $stamp);    # the first call switches the kernel's time stamps on
print $log "# ready\n";
$log->flush;

while (1) {
    select(undef, undef, undef, FETCH_S);
    my $to_monotonic = clock_gettime(CLOCK_MONOTONIC) - clock_gettime(CLOCK_REALTIME);
    while (defined(my $from = recv($socket, my $frame, SNAP, MSG_DONTWAIT))) {
        next unless ioctl($socket, SIOCGSTAMPNS, $stamp);
        my ($seconds, $nanoseconds) = unpack("q2", $stamp);
        my $port = $ports{ (unpack("S n i", $from))[2] } // next;
        take($frame, $port, ($seconds + $to_monotonic + $nanoseconds / 1e9) * 1000);
    }
    my $now = clock_gettime(CLOCK_MONOTONIC) * 1000;
    $now - $rows{$_}{last} > ROW_MS && end_row($_) for keys %rows;
    $log->flush;
}
