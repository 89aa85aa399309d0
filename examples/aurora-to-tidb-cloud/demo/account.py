"""What the journey finds in the account: a VPC with an Aurora cluster, and TiDB Cloud's request for a peering.

account.py make PORT    makes it in the emulator that listens there
account.py list PORT    prints what of EC2 stands in it, a line an object: for looking whether anything was left behind
"""

import datetime
import sys

import boto3

REGION = "us-west-2"
action, port = sys.argv[1], sys.argv[2]


def client(service):
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="demo",
        aws_secret_access_key="demo",
    )


ec2 = client("ec2")


def make():
    vpc = ec2.create_vpc(CidrBlock="172.31.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=REGION + zone)["Subnet"]["SubnetId"]
        for zone, cidr in (("a", "172.31.0.0/20"), ("b", "172.31.16.0/20"))
    ]
    group = ec2.create_security_group(VpcId=vpc, GroupName="aurora", Description="the cluster")["GroupId"]
    rds = client("rds")
    rds.create_db_subnet_group(DBSubnetGroupName="shop", DBSubnetGroupDescription="shop", SubnetIds=subnets)
    rds.create_db_cluster(
        DBClusterIdentifier="database-1",
        Engine="aurora-mysql",
        EngineVersion="8.0.mysql_aurora.3.08.0",
        MasterUsername="admin",
        MasterUserPassword="not-used-here",
        DBSubnetGroupName="shop",
        VpcSecurityGroupIds=[group],
    )
    rds.create_db_instance(
        DBInstanceIdentifier="database-1-instance-1",
        DBInstanceClass="db.r6g.large",
        Engine="aurora-mysql",
        DBClusterIdentifier="database-1",
        AvailabilityZone=REGION + "b",
    )
    client("cloudwatch").put_metric_data(
        Namespace="AWS/RDS",
        MetricData=[
            {
                "MetricName": "VolumeBytesUsed",
                "Dimensions": [{"Name": "DBClusterIdentifier", "Value": "database-1"}],
                "Timestamp": datetime.datetime.now(datetime.timezone.utc),
                "Value": 12.5 * 2**30,
                "Unit": "Bytes",
            }
        ],
    )
    theirs = ec2.create_vpc(CidrBlock="10.250.0.0/16")["Vpc"]["VpcId"]
    ec2.create_vpc_peering_connection(VpcId=theirs, PeerVpcId=vpc)


def list_objects():
    lines = []
    for reservation in ec2.describe_instances()["Reservations"]:
        for instance in reservation["Instances"]:
            if instance["State"]["Name"] != "terminated":
                lines.append(f"instance {instance['InstanceId']} {instance['State']['Name']}")
    lines += [f"volume {v['VolumeId']} {v['State']}" for v in ec2.describe_volumes()["Volumes"]]
    lines += [f"key pair {k['KeyName']}" for k in ec2.describe_key_pairs()["KeyPairs"]]
    for group in ec2.describe_security_groups()["SecurityGroups"]:
        if group["GroupName"].startswith("mig-"):
            lines.append(f"security group {group['GroupId']} {group['GroupName']}")
        for rule in group["IpPermissions"]:
            lines += [f"rule of {group['GroupId']} for {p['GroupId']}" for p in rule["UserIdGroupPairs"] if group["GroupName"] == "aurora"]
    for table in ec2.describe_route_tables()["RouteTables"]:
        for route in table["Routes"]:
            if "VpcPeeringConnectionId" in route:
                lines.append(f"route of {table['RouteTableId']} {route['DestinationCidrBlock']}")
    for peering in ec2.describe_vpc_peering_connections()["VpcPeeringConnections"]:
        lines.append(f"peering {peering['VpcPeeringConnectionId']} {peering['Status']['Code']}")
    print("\n".join(lines))


{"make": make, "list": list_objects}[action]()
